"""Dead letters can be looked at without being lost, sent back, and dropped; people's data stays covered."""

from __future__ import annotations

import json
from uuid import uuid4

import pytest

from services.contracts.topology import SUBSCRIPTIONS
from services.kernel.errors import Invalid, NotFound
from services.local.aws import Aws
from services.local.dead_letters import DeadLetters, queue_named
from tests.fixtures.platform import Declared, DeclareTopology

pytest_plugins = ("tests.fixtures.platform",)
QUEUE = SUBSCRIPTIONS[0].queue


def body(event_id: str) -> str:
    detail = {
        "id": event_id, "type": "booking.appointment-booked.v1", "occurred_at": "2027-01-04T14:00:00+00:00",
        "correlation_id": "c" * 32, "data": {"patient_id": "pat-000001", "name": "Planted Person"},
    }  # fmt: skip
    return json.dumps({"source": "careslot.booking", "detail": detail})


@pytest.fixture
def declared(topology: DeclareTopology) -> Declared:
    return topology()


@pytest.fixture
def letters(aws: Aws, declared: Declared) -> DeadLetters:
    return DeadLetters(aws.sqs, declared.prefix)


def put(aws: Aws, declared: Declared, *bodies: str) -> None:
    for text in bodies:
        aws.sqs.send_message(QueueUrl=declared.queues[QUEUE].dead_letters_url, MessageBody=text)


def waiting(aws: Aws, url: str) -> list[str]:
    found = aws.sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, VisibilityTimeout=0)
    return [message["Body"] for message in found.get("Messages", [])]


def test_looking_leaves_everything_in_place(aws: Aws, declared: Declared, letters: DeadLetters) -> None:
    ids = [str(uuid4()) for _ in range(12)]
    put(aws, declared, *map(body, ids))
    for _ in range(2):
        assert {letter.event_id for letter in letters.look(QUEUE)} == set(ids)
    assert letters.counts()[QUEUE] == 12


def test_what_is_shown_holds_no_data_unless_asked_for(aws: Aws, declared: Declared, letters: DeadLetters) -> None:
    put(aws, declared, body(str(uuid4())))
    [letter] = letters.look(QUEUE)
    assert "Planted" not in json.dumps(letter.told(reveal=False))
    assert "Planted" not in repr(letter)
    assert "Planted" in json.dumps(letter.told(reveal=True))


def test_replay_sends_back_and_only_then_deletes(aws: Aws, declared: Declared, letters: DeadLetters) -> None:
    one, other = str(uuid4()), str(uuid4())
    put(aws, declared, body(one), body(other))
    assert letters.replay(QUEUE, one) == 1
    assert waiting(aws, declared.queues[QUEUE].url) == [body(one)]
    assert [letter.event_id for letter in letters.look(QUEUE)] == [other]
    assert letters.replay(f"{QUEUE}-dlq") == 1
    assert letters.counts()[QUEUE] == 0


def test_drop_deletes_one_or_all_by_any_id(aws: Aws, declared: Declared, letters: DeadLetters) -> None:
    put(aws, declared, "not json", body(str(uuid4())), body(str(uuid4())))
    strange = next(letter for letter in letters.look(QUEUE) if letter.event_id == "")
    assert strange.event_type == "not an event"
    assert letters.drop(QUEUE, strange.message_id) == 1
    assert letters.drop(QUEUE) == 2
    assert letters.look(QUEUE) == []


def test_an_unknown_message_changes_nothing(aws: Aws, declared: Declared, letters: DeadLetters) -> None:
    put(aws, declared, body(str(uuid4())))
    with pytest.raises(NotFound):
        letters.replay(QUEUE, "no-such-id")
    assert letters.counts()[QUEUE] == 1


def test_an_unknown_queue_is_named_with_those_known() -> None:
    assert queue_named(f"{QUEUE}-dlq") == QUEUE
    with pytest.raises(Invalid, match=QUEUE):
        queue_named("nothing")
