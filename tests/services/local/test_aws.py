"""The declared bus is the topology: each event reaches the queues that subscribe to it, and no others."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from services.contracts.events.base import Event
from services.contracts.topology import DIRECT_QUEUES, LOCKED_BUCKETS, SUBSCRIPTIONS, Subscription
from services.local.anchors import declare_locked_buckets
from services.local.aws import (
    Aws,
    Queue,
    client_environment,
    declare_bus,
    declare_direct_queues,
    declare_sender,
)
from tests.fixtures.platform import Declared, DeclareTopology
from tests.fixtures.waiting import eventually

if TYPE_CHECKING:
    from types_boto3_sqs.literals import QueueAttributeNameType

EVENTS: list[type[Event]] = sorted({event for s in SUBSCRIPTIONS for event in s.events}, key=lambda event: event.TYPE)


def waiting(aws: Aws, url: str) -> int:
    counts = aws.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["ApproximateNumberOfMessages"])
    return int(counts["Attributes"]["ApproximateNumberOfMessages"])


def put(aws: Aws, declared: Declared, source: str, event_type: str, data: Mapping[str, Any] | None = None) -> None:
    detail = json.dumps({"data": data or {}})
    answer = aws.events.put_events(
        Entries=[{"Source": source, "DetailType": event_type, "Detail": detail, "EventBusName": declared.bus}]
    )
    assert answer["FailedEntryCount"] == 0


@pytest.mark.parametrize("event", EVENTS)
def test_an_event_reaches_its_subscribers_alone(aws: Aws, topology: DeclareTopology, event: type[Event]) -> None:
    declared = topology([replace(subscription, runs="process") for subscription in SUBSCRIPTIONS])
    put(aws, declared, f"careslot.{event.TYPE.partition('.')[0]}", event.TYPE, event.EXAMPLE)
    put(aws, declared, "someone.else", event.TYPE, event.EXAMPLE)
    expected = {
        s.queue: int(event in s.events and all(event.EXAMPLE[name] in values for name, values in s.only.items()))
        for s in SUBSCRIPTIONS
    }
    assert {name: waiting(aws, queue.url) for name, queue in declared.queues.items()} == expected


def test_declaring_twice_changes_nothing_and_a_change_changes_only_itself(aws: Aws, topology: DeclareTopology) -> None:
    declared = topology()
    before = snapshot(aws, declared.queues)
    assert declare_bus(aws, prefix=declared.prefix) == declared.queues
    assert snapshot(aws, declared.queues) == before
    first, *rest = SUBSCRIPTIONS
    declare_bus(aws, [replace(first, visibility_seconds=99, max_receives=2), *rest], prefix=declared.prefix)
    after = snapshot(aws, declared.queues)
    changed = {key for key in before[first.queue] if before[first.queue][key] != after[first.queue][key]}
    assert changed - {"LastModifiedTimestamp"} == {"VisibilityTimeout", "RedrivePolicy"}
    assert {name: after[name] for name in after if name != first.queue} == {
        name: before[name] for name in before if name != first.queue
    }


def snapshot(aws: Aws, queues: Mapping[str, Queue]) -> dict[str, dict[str, str]]:
    return {name: {str(key): value for key, value in attributes(aws, queue).items()} for name, queue in queues.items()}


def attributes(aws: Aws, queue: Queue) -> Mapping[QueueAttributeNameType, str]:
    return aws.sqs.get_queue_attributes(QueueUrl=queue.url, AttributeNames=["All"])["Attributes"]


def test_a_queue_lets_in_its_rule_and_redrives_to_its_own_dead_letters(aws: Aws, topology: DeclareTopology) -> None:
    declared = topology(SUBSCRIPTIONS[:1])
    queue = declared.queues[SUBSCRIPTIONS[0].queue]
    live = attributes(aws, queue)
    [statement] = json.loads(live["Policy"])["Statement"]
    rule = aws.events.describe_rule(Name=declared.prefix + SUBSCRIPTIONS[0].queue, EventBusName=declared.bus)
    assert statement["Principal"] == {"Service": "events.amazonaws.com"}
    assert statement["Condition"]["ArnEquals"]["aws:SourceArn"] == rule["Arn"]
    assert statement["Resource"] == queue.arn
    dead = aws.sqs.get_queue_attributes(QueueUrl=queue.dead_letters_url, AttributeNames=["All"])["Attributes"]
    assert json.loads(live["RedrivePolicy"])["deadLetterTargetArn"] == dead["QueueArn"]
    assert json.loads(dead["RedriveAllowPolicy"])["sourceQueueArns"] == [queue.arn]


def test_a_message_nobody_can_take_ends_in_its_dead_letter_queue(aws: Aws, topology: DeclareTopology) -> None:
    subscription = replace(SUBSCRIPTIONS[0], runs="process", max_receives=2, visibility_seconds=0)
    declared = topology([subscription])
    queue = declared.queues[subscription.queue]
    aws.sqs.send_message(QueueUrl=queue.url, MessageBody="poison")
    seen = 0
    while aws.sqs.receive_message(QueueUrl=queue.url).get("Messages"):
        seen += 1
        assert seen < 10
    assert seen == subscription.max_receives
    assert eventually(lambda: waiting(aws, queue.dead_letters_url) == 1)


def test_topologies_of_two_tests_do_not_meet(aws: Aws, topology: DeclareTopology) -> None:
    subscription: Subscription = replace(SUBSCRIPTIONS[0], runs="process")
    one, other = topology([subscription]), topology([subscription])
    put(aws, one, subscription.sources[0], subscription.event_types[0])
    assert waiting(aws, one.queues[subscription.queue].url) == 1
    assert waiting(aws, other.queues[subscription.queue].url) == 0


def test_a_rule_lets_in_only_what_it_names(aws: Aws, topology: DeclareTopology) -> None:
    subscription: Subscription = replace(SUBSCRIPTIONS[0], runs="process", only={"kind": ("moved",)})
    declared = topology([subscription])
    for kind in ("moved", "offer"):
        put(aws, declared, subscription.sources[0], subscription.event_types[0], {"kind": kind})
    assert waiting(aws, declared.queues[subscription.queue].url) == 1


def test_messages_can_be_sent_to_people(aws: Aws) -> None:
    declare_sender(aws, "appointments@careslot.example")
    declare_sender(aws, "appointments@careslot.example")
    assert aws.ses.list_identities()["Identities"].count("appointments@careslot.example") == 1
    sent = aws.ses.send_email(
        Source="appointments@careslot.example",
        Destination={"ToAddresses": ["someone@patients.example"]},
        Message={"Subject": {"Data": "Your appointment"}, "Body": {"Text": {"Data": "is tomorrow"}}},
    )
    assert sent["MessageId"]
    assert aws.sns.publish(PhoneNumber="+12025550123", Message="Your appointment is tomorrow")["MessageId"]


def test_child_processes_are_led_to_the_emulator_and_to_no_real_account() -> None:
    environment = client_environment("http://127.0.0.1:1")
    assert environment["AWS_ENDPOINT_URL"] == "http://127.0.0.1:1"
    assert environment["AWS_SHARED_CREDENTIALS_FILE"] == environment["AWS_CONFIG_FILE"] == "/dev/null"


def test_a_queue_past_the_bus_is_declared_once_and_redrives(aws: Aws, topology: DeclareTopology) -> None:
    declared = topology([])
    assert declare_direct_queues(aws, prefix=declared.prefix) == declared.direct
    queue = declared.direct[DIRECT_QUEUES[0].queue]
    live = attributes(aws, queue)
    dead = aws.sqs.get_queue_attributes(QueueUrl=queue.dead_letters_url, AttributeNames=["All"])["Attributes"]
    redrive = json.loads(live["RedrivePolicy"])
    assert redrive["deadLetterTargetArn"] == dead["QueueArn"]
    assert int(redrive["maxReceiveCount"]) == DIRECT_QUEUES[0].max_receives
    assert json.loads(dead["RedriveAllowPolicy"])["sourceQueueArns"] == [queue.arn]


def test_a_locked_bucket_keeps_what_is_put_into_it_for_years(aws: Aws) -> None:
    [name] = {*declare_locked_buckets(aws, prefix="t-").values(), *declare_locked_buckets(aws, prefix="t-").values()}
    assert aws.s3.get_bucket_versioning(Bucket=name)["Status"] == "Enabled"
    aws.s3.put_object(Bucket=name, Key="k", Body=b"kept")
    kept = aws.s3.head_object(Bucket=name, Key="k")
    assert kept["ObjectLockMode"] == "COMPLIANCE"
    assert (kept["ObjectLockRetainUntilDate"] - datetime.now(UTC)).days > 6 * 365
    with pytest.raises(ClientError, match="AccessDenied"):
        aws.s3.delete_object(Bucket=name, Key="k", VersionId=kept["VersionId"])


def test_a_bucket_that_lost_its_lock_is_locked_again(aws: Aws) -> None:
    aws.s3.create_bucket(Bucket=f"bare-{LOCKED_BUCKETS[0].name}")
    [name] = declare_locked_buckets(aws, prefix="bare-").values()
    found = aws.s3.get_object_lock_configuration(Bucket=name)["ObjectLockConfiguration"]
    assert found["Rule"]["DefaultRetention"] == {"Mode": "COMPLIANCE", "Years": LOCKED_BUCKETS[0].retention_years}
