"""The demo's parts: what is told fits a terminal, the tap hears and cleans up, faults are told at their step."""

from __future__ import annotations

import io
import json
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import httpx
import pytest
from rich.console import Console

from services.local.aws import Aws
from services.local.demo.client import Appointment, StoryFault, eventually, expected
from services.local.demo.mailbox import Mailbox
from services.local.demo.tap import Heard, Tap
from services.local.demo.telling import WIDTH, Telling
from services.local.emulator import Emulator
from tests.fixtures.platform import DeclareTopology

pytest_plugins = ("tests.fixtures.platform",)
NOW = datetime(2027, 1, 4, 14, tzinfo=UTC)


def detail(type_: str, **data: Any) -> str:
    return json.dumps(
        {"id": str(uuid4()), "type": type_, "occurred_at": NOW.isoformat(), "correlation_id": "c", "data": data}
    )


def heard(type_: str = "booking.appointment-booked.v1", milliseconds: float = 12.3, **data: Any) -> Heard:
    return Heard(type_, str(uuid4()), data, milliseconds, "c")


def test_an_event_is_read_with_its_age() -> None:
    body = json.dumps({"detail": json.loads(detail("booking.appointment-held.v1", status="pending"))})
    read = Heard.read(body, NOW + timedelta(milliseconds=250))
    assert (read.type, read.data, read.milliseconds) == ("booking.appointment-held.v1", {"status": "pending"}, 250.0)


@pytest.mark.parametrize("milliseconds", [0.4, 99_999, -1_736_208_000])
def test_no_line_is_wider_than_a_terminal(milliseconds: float) -> None:
    out = io.StringIO()
    telling = Telling(console=Console(file=out, width=200))
    telling.step("A step " * 30)
    telling.saw("Something " * 30)
    telling.heard(heard("notifications.preferences-changed.v1", milliseconds, status="x" * 40, reason="y" * 40))
    assert max(map(len, out.getvalue().splitlines())) <= WIDTH


def test_what_an_event_says_of_people_is_not_shown() -> None:
    out = io.StringIO()
    Telling(console=Console(file=out)).heard(heard(patient_id="pat-000001", given_name="Planted", status="booked"))
    assert "booked" in out.getvalue()
    assert "Planted" not in out.getvalue()
    assert "pat-" not in out.getvalue()


def test_for_programs_every_line_is_json(capsys: pytest.CaptureFixture[str]) -> None:
    telling = Telling(machine=True)
    telling.step("one")
    telling.saw("it")
    telling.heard(heard(status="booked"))
    telling.failed("one", "why")
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["event"] for line in lines] == ["step", "saw", "event", "failed"]


def test_the_tap_hears_what_is_put_on_the_bus_and_leaves_nothing_behind(aws: Aws, topology: DeclareTopology) -> None:
    bus = topology([]).bus
    told: list[Heard] = []
    with Tap(aws, bus, told.append) as tap:
        aws.events.put_events(
            Entries=[
                {"EventBusName": bus, "Source": "careslot.booking", "DetailType": "x", "Detail": detail("x", n=1)},
                {"EventBusName": bus, "Source": "somebody.else", "DetailType": "y", "Detail": detail("y", n=2)},
            ]
        )
        found = tap.wait_for(lambda event: event.data.get("n") == 1, 10)
        assert found is not None
        assert tap.wait_for(lambda event: event.data.get("n") == 2, 0.5) is None
        assert aws.events.list_rules(EventBusName=bus)["Rules"]
    assert [event.type for event in told] == ["x"]
    assert aws.events.list_rules(EventBusName=bus)["Rules"] == []
    assert not [url for url in aws.sqs.list_queues().get("QueueUrls", []) if "tap" in url]


def test_the_mailbox_returns_each_mail_once_and_only_its_own(aws: Aws, emulator: Emulator) -> None:
    aws.ses.verify_email_identity(EmailAddress="from@careslot.example")

    def send(to: str, subject: str) -> None:
        aws.ses.send_email(
            Source="from@careslot.example", Destination={"ToAddresses": [to]},
            Message={"Subject": {"Data": subject}, "Body": {"Text": {"Data": "x"}}},
        )  # fmt: skip

    send("her@example.org", "before")
    box = Mailbox(emulator.endpoint_url, "her@example.org")
    send("her@example.org", "one")
    send("him@example.org", "other")
    assert [mail["Subject"] for mail in box.new()] == ["one"]
    assert box.new() == []


def test_an_answer_that_was_not_expected_is_told_in_the_problems_words() -> None:
    request = httpx.Request("POST", "http://gateway/booking/holds?x=secret")
    answer = httpx.Response(409, json={"title": "Taken", "detail": "Someone was faster.", "type": "t"}, request=request)
    with pytest.raises(
        StoryFault, match=r"POST /booking/holds answered 409, not 201. Taken: Someone was faster"
    ) as told:
        expected(answer, 201)
    assert "secret" not in str(told.value)
    assert expected(answer, 409) is answer


def test_waiting_ends_with_what_was_waited_for() -> None:
    found = iter([None, None, 7])
    assert eventually(lambda: next(found), "seven") == 7
    with pytest.raises(StoryFault, match="the moon"):
        eventually(lambda: None, "the moon", 0.2)


def test_an_appointment_keeps_the_tag_of_its_version() -> None:
    answer = httpx.Response(200, json={"id": "a", "version": 3}, headers={"ETag": '"3"'})
    assert Appointment.of(answer) == Appointment("a", '"3"', {"id": "a", "version": 3})
