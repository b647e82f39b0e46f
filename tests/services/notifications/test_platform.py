"""The whole way on the emulator: PutEvents, rule, queue, real function from a real zip, SES and SNS, dead letters."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import psycopg
import pytest

from services.contracts.events.base import Event
from services.contracts.topology import SCHEDULES, subscriptions_of
from services.local.aws import Aws, client_environment, declare_sender
from services.local.aws_functions import FunctionCode
from services.local.emulator import Emulator
from services.local.lambda_zip import build, emulator_target
from tests.fixtures.platform import Declared, DeclareTopology, NewDatabase
from tests.services.notifications.examples import booked, cancelled, envelope, patient

SENDER = "appointments@careslot.example"
SCHEDULE = replace(SCHEDULES[0], expression="rate(1 day)")  # invoked by hand here
MAIL, PHONE = "maria.platform@example.org", "+16175550177"


class Platform:
    """The notifications part of the topology on the worker's emulator, with a database of its own."""

    def __init__(self, emulator: Emulator, aws: Aws, declared: Declared, url: str) -> None:
        self.emulator, self.aws, self.declared, self.url = emulator, aws, declared, url

    def put(self, *events: Event | Mapping[str, Any]) -> None:
        for event in events:
            wire = envelope(event) if isinstance(event, Event) else None
            entry = (
                {"Source": wire.source, "DetailType": wire.type, "Detail": wire.detail()}
                if wire
                else {"Source": "careslot.booking", "DetailType": "booking.appointment-booked.v1", "Detail": "{}"}
            )
            answer = self.aws.events.put_events(Entries=[{"EventBusName": self.declared.bus, **entry}])  # type: ignore[typeddict-item]  # a choice of two
            assert answer["FailedEntryCount"] == 0

    def mails(self) -> list[tuple[str, str]]:
        """Return subject and text of every mail the emulator took for our patient."""
        answer = httpx.get(f"{self.emulator.endpoint_url}/_ministack/ses/messages").json()
        return [(m["Subject"], m["BodyText"]) for sent in answer["messages"].values() for m in sent if MAIL in m["To"]]

    def texts(self) -> list[str]:
        """Return every text the emulator took for our patient."""
        answer = httpx.get(f"{self.emulator.endpoint_url}/_ministack/sns/sms-messages", params={"phoneNumber": PHONE})
        return [str(text["Message"]) for text in answer.json()["sms_messages"][PHONE]]

    def send_due(self, event: dict[str, str]) -> Any:
        """Invoke the scheduled function and return what it returned."""
        answer = self.aws.functions.invoke(
            FunctionName=self.declared.functions[SCHEDULE.name], Payload=json.dumps(event).encode()
        )
        said = json.loads(answer["Payload"].read())
        assert not answer.get("FunctionError"), said
        return said

    def query(self, statement: str) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.url) as connection:
            return connection.execute(statement.encode()).fetchall()


def eventually(true: Callable[[], object], seconds: float = 30.0) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if true():
            return True
        time.sleep(0.1)
    return False


@pytest.fixture
def platform(emulator: Emulator, aws: Aws, topology: DeclareTopology, database: NewDatabase) -> Platform:
    """Return the platform, its functions built and declared."""
    url = database("notifications")
    declare_sender(aws, SENDER)
    package = build("notifications", emulator_target(emulator.python))
    variables = {
        "CARESLOT_DATABASE_URL": url, "CARESLOT_SENDER_EMAIL": SENDER, "CARESLOT_ORGANIZATION": "Careslot Health",
        "CARESLOT_CALLBACK_PHONE": "(617) 555-0100", "CARESLOT_PRIVACY_OFFICER_EMAIL": "privacy@careslot.example",
        **client_environment(emulator.endpoint_url),
    }  # fmt: skip
    # A poison message is seen five times; here without the minute between.
    subscriptions = [replace(s, visibility_seconds=1, max_receives=2) for s in subscriptions_of("notifications")]
    code = {"notifications": FunctionCode(package.read(), package.sha256, variables)}
    return Platform(emulator, aws, topology(subscriptions, [SCHEDULE], code), url)


def test_from_booking_to_mail_text_and_dead_letter(platform: Platform) -> None:
    start = datetime.now(UTC).replace(microsecond=0) + timedelta(days=20)
    facts: dict[str, Any] = {"starts_at": start, "ends_at": start + timedelta(minutes=20)}
    platform.put(patient(email=MAIL, phone=PHONE, language="es"))
    assert eventually(lambda: platform.query("SELECT FROM recipients"))
    platform.put(booked(**facts), {})
    assert eventually(platform.mails)
    [(subject, body)] = platform.mails()
    assert subject == "Careslot Health: su cita"
    assert "Su cita es el" in body and "(617) 555-0100" in body
    assert platform.query("SELECT kind FROM messages WHERE state = 'planned' ORDER BY due_at") == [
        ("reminder-7d",), ("reminder-3d",), ("reminder-1d",),
    ]  # fmt: skip

    stated = (start - timedelta(days=2)).isoformat()
    assert platform.send_due({"time": stated}) == {"suppressed": 1, "sent": 1}
    assert [subject for subject, _ in platform.mails()] == [
        "Careslot Health: su cita",
        "Careslot Health: recordatorio de su cita",
    ]

    with psycopg.connect(platform.url) as connection:
        connection.execute(
            """
            INSERT INTO preferences (patient_id, version, channels, timezone, consent, opted_out, changed_at)
            VALUES ('pat-000001', 1, '{sms}', %s, '{"reminders": true}', false, now())
            """,
            (_zone_where_it_is_day(),),
        )
    platform.put(cancelled(2, **facts))
    assert eventually(platform.texts)
    assert platform.texts()[0].startswith("Careslot Health: se cancela su cita del ")
    assert platform.query("SELECT count(*) FROM messages WHERE state = 'sent'") == [(3,)]

    dead = platform.declared.queues["notifications-appointments"].dead_letters_url
    assert eventually(lambda: platform.aws.sqs.receive_message(QueueUrl=dead).get("Messages"))
    assert len(platform.mails()) == 2


def _zone_where_it_is_day() -> str:
    """Return a zone where it is about noon, so that the text may leave whenever this test runs."""
    # The signs of Etc are those of POSIX: Etc/GMT+5 is five hours behind.
    behind = datetime.now(UTC).hour - 12
    return f"Etc/GMT{behind:+d}" if behind else "Etc/GMT"


def test_the_schedule_can_invoke_its_function_without_a_stated_time(platform: Platform) -> None:
    assert platform.send_due({}) == {}
