"""The functions, called as AWS calls them: SQS batches and Scheduler events in, partial batch responses out."""

from __future__ import annotations

import logging
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import structlog

from services.kernel.clock import FixedClock
from services.notifications.domain.messages import Channel
from services.notifications.lambdas import appointment_events, directory_events, send_due, worker
from services.notifications.lambdas.appointment_events import take_appointments
from services.notifications.lambdas.directory_events import take_directory
from services.notifications.lambdas.worker import FunctionSettings, MisconfiguredError, Worker
from services.notifications.ports import NotTaken
from tests.fixtures.platform import NewDatabase
from tests.services.notifications.examples import (
    NOW,
    PATIENT,
    START,
    booked,
    cancelled,
    envelope,
    failed,
    moved,
    patient,
    sqs_batch,
)
from tests.services.notifications.fakes import FakeSender


class Functions:
    """A warm process of the functions, and what has been sent through it."""

    def __init__(self, url: str) -> None:
        settings = FunctionSettings(
            database_url=url,
            sender_email="a@careslot.example",
            organization="Careslot",
            callback_phone="+16175550100",
            privacy_officer_email="privacy@careslot.example",
        )
        self.clock = FixedClock(NOW)
        self.mail = FakeSender()
        self.text = FakeSender()
        self.worker = Worker(settings, {Channel.EMAIL: self.mail, Channel.SMS: self.text}, self.clock)

    def directory(self, *bodies: Any) -> list[str]:
        return failed(self.worker.run(take_directory(self.worker, sqs_batch(*bodies))))

    def appointments(self, *bodies: Any) -> list[str]:
        return failed(self.worker.run(take_appointments(self.worker, sqs_batch(*bodies))))

    def due(self, **event: Any) -> dict[str, int]:
        return self.worker.run(send_due.send_due(self.worker, event))

    def query(self, statement: str) -> list[tuple[Any, ...]]:
        async def fetch() -> list[tuple[Any, ...]]:
            async with self.worker.database.connection() as connection:
                return [tuple(row) for row in await connection.fetch(statement)]

        return self.worker.run(fetch())

    def subjects(self) -> list[str]:
        return [words.subject for _, words in self.mail.sent]


@pytest.fixture
def functions(database: NewDatabase) -> Iterator[Functions]:
    """Return functions that have heard of the patient."""
    ready = Functions(database("notifications"))
    assert ready.directory(envelope(patient())) == []
    yield ready
    ready.worker.close()


class Killed(BaseException):
    """Nothing of ours catches it, as nothing catches a kill."""


CONFIRMED = "Careslot: your appointment"


def test_a_booking_is_confirmed_in_the_same_invocation_and_reminded_of_later(functions: Functions) -> None:
    assert functions.appointments(envelope(booked())) == []
    assert functions.subjects() == [CONFIRMED]
    assert functions.due() == {}
    functions.clock.at = START - timedelta(days=7)
    assert functions.due() == {"sent": 1}
    assert (
        functions.query("SELECT type, correlation_id FROM outbox") == [("notifications.message-sent.v1", "a" * 32)] * 2
    )


def test_only_the_poison_is_reported(functions: Functions) -> None:
    good, other = envelope(booked()), envelope(booked(appointment_id="0197a000-0000-7000-8000-00000000000b"))
    broken = {**booked().payload(), "starts_at": "soon"}
    poison = envelope(booked())
    object.__setattr__(poison, "data", broken)
    stray = envelope(patient())
    assert functions.appointments(good, "not json", poison, "{}", stray, other) == [
        "message-1", "message-2", "message-3", "message-4",
    ]  # fmt: skip
    assert functions.subjects() == [CONFIRMED] * 2
    assert functions.query("SELECT count(*) FROM inbox WHERE consumer = 'notifications-appointments'") == [(2,)]


def test_a_batch_of_poison_alone_is_reported_not_raised(functions: Functions) -> None:
    assert functions.directory("x", "[]", envelope(booked())) == ["message-0", "message-1", "message-2"]


def test_redelivery_sends_no_second_message(functions: Functions) -> None:
    event = envelope(booked())
    for _ in range(3):
        assert functions.appointments(event, event) == []
    assert functions.subjects() == [CONFIRMED]
    # The inbox is purged one day; the version still knows.
    functions.appointments(envelope(booked()))
    assert functions.subjects() == [CONFIRMED]


def test_events_in_the_wrong_order(functions: Functions) -> None:
    functions.appointments(envelope(moved(2, starts_at=START + timedelta(days=1))), envelope(booked()))
    functions.appointments(envelope(cancelled(4)), envelope(moved(3)))
    assert functions.subjects() == ["Careslot: your appointment has changed", "Careslot: your appointment is cancelled"]
    functions.clock.at = START - timedelta(days=1)
    assert functions.due() == {}


def test_an_outage_is_caught_up_with_once(functions: Functions) -> None:
    functions.appointments(envelope(booked()))
    functions.clock.at = START - timedelta(days=2)
    assert functions.due() == {"suppressed": 1, "sent": 1}
    assert functions.due() == {}
    assert functions.subjects() == [CONFIRMED, "Careslot: a reminder of your appointment"]


def test_an_operator_states_the_instant_of_a_catch_up(functions: Functions) -> None:
    functions.appointments(envelope(booked()))
    stated = (START - timedelta(days=7)).isoformat().replace("+00:00", "Z")
    assert functions.due(time=stated) == {"sent": 1}
    assert functions.due(time=stated) == {}
    with pytest.raises(ValueError, match="RFC 3339"):
        functions.due(time="tomorrow")


def test_plan_and_sending_are_apart(functions: Functions) -> None:
    functions.mail.answers = [NotTaken("Throttling")]
    assert functions.appointments(envelope(booked())) == [], "the provider's trouble is no fault of the event"
    functions.clock.at = NOW + timedelta(minutes=1)
    assert functions.due() == {"sent": 1}
    assert functions.subjects() == [CONFIRMED]


def test_a_redelivered_event_sends_what_a_killed_function_had_only_planned(functions: Functions) -> None:
    event = envelope(booked())

    class Over:
        def get_remaining_time_in_millis(self) -> int:
            return 500

    batch = sqs_batch(event)
    assert failed(functions.worker.run(take_appointments(functions.worker, batch, Over()))) == []
    assert functions.subjects() == [], "with half a second left nothing is begun"
    functions.appointments(event)
    assert functions.subjects() == [CONFIRMED]


def test_what_a_killed_function_had_begun_is_unknown_and_told(functions: Functions) -> None:
    functions.clock.at = NOW - timedelta(minutes=3)
    functions.mail.answers = [Killed()]
    with pytest.raises(Killed):
        functions.appointments(envelope(booked()))
    assert functions.query("SELECT state FROM messages WHERE kind = 'confirmation'") == [("sending",)]
    functions.clock.at = NOW
    assert functions.due() == {"unknown": 1}
    assert functions.query("SELECT data->>'reason' FROM outbox") == [("outcome-unknown",)]
    assert functions.mail.tried == 1


def test_no_database_fails_every_message_and_nothing_else(functions: Functions, tmp_path: Path) -> None:
    lost = Functions(f"postgresql://nobody@/nothing?host={tmp_path}")
    assert lost.directory(envelope(patient(2)), envelope(patient(3))) == ["message-0", "message-1"]
    lost.worker.close()


def test_directory_events_in_any_order_keep_the_newest(functions: Functions) -> None:
    functions.directory(envelope(patient(3, email="new@example.org")), envelope(patient(2, email="old@example.org")))
    assert functions.query("SELECT patient_id, version, email FROM recipients") == [(PATIENT, 3, "new@example.org")]


VARIABLES = {
    "CARESLOT_SENDER_EMAIL": "appointments@careslot.example", "CARESLOT_ORGANIZATION": "Careslot Health",
    "CARESLOT_CALLBACK_PHONE": "+16175550100", "CARESLOT_BUS_NAME": "careslot",
    "CARESLOT_PRIVACY_OFFICER_EMAIL": "privacy@careslot.example",
}  # fmt: skip


@pytest.fixture
def logging_restored() -> Iterator[None]:
    """Give the process its former logging back, which a worker replaces for good."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:], root.level = handlers, level
    structlog.reset_defaults()


@pytest.mark.usefixtures("logging_restored")
def test_handlers_keep_one_worker_for_the_life_of_the_process(
    database: NewDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {**VARIABLES, "CARESLOT_DATABASE_URL": database("notifications")}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")  # nobody listens: nothing can be sent
    monkeypatch.setenv("AWS_REGION", "us-east-1")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "000000000000")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "x")
    worker.current.cache_clear()
    try:
        event = patient()
        assert directory_events.handler(sqs_batch(envelope(event)), None) == {"batchItemFailures": []}
        soon = worker.current().clock.now() + timedelta(days=30)
        appointment = booked(starts_at=soon, ends_at=soon + timedelta(minutes=20))
        assert appointment_events.handler(sqs_batch(envelope(appointment)), None) == {"batchItemFailures": []}
        assert send_due.handler({}, None) == {}, "put off: the provider could not be reached"
        assert worker.current() is worker.current()
        worker.current().close()
    finally:
        worker.current.cache_clear()


def test_a_function_that_was_not_told_enough_says_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (*VARIABLES, "CARESLOT_DATABASE_URL"):
        monkeypatch.delenv(name, raising=False)
    worker.current.cache_clear()
    with pytest.raises(MisconfiguredError, match="CARESLOT_DATABASE_URL, CARESLOT_SENDER_EMAIL, CARESLOT_ORGANIZATION"):
        worker.current()


def test_functions_import_nothing_that_is_not_in_their_zip(root: Path) -> None:
    pinned = (root / "requirements" / "lambda.txt").read_text("utf-8")
    told = subprocess.run(
        [sys.executable, "-c", _WHAT_IS_IMPORTED], cwd=root, capture_output=True, text=True, check=True
    ).stdout.split()
    allowed = {line.partition("==")[0] for line in pinned.splitlines() if "==" in line}
    # AWS's runtime brings boto3 and what it needs; structlog looks for pretty printers and does without.
    runtime = {"boto3", "botocore", "s3transfer", "jmespath", "urllib3", "certifi", "python-dateutil", "six"}
    optional = {"rich", "pygments", "attrs", "better-exceptions", "colorama", "greenlet"}
    assert told
    assert set(told) - allowed - runtime - optional == set()


_WHAT_IS_IMPORTED = """
import sys
from importlib import import_module
from importlib.metadata import packages_distributions
from pkgutil import iter_modules
before = set(sys.modules)
import services.notifications.lambdas
for module in iter_modules(services.notifications.lambdas.__path__, "services.notifications.lambdas."):
    import_module(module.name)
known = packages_distributions()
tops = {name.partition(".")[0] for name in set(sys.modules) - before}
print(*sorted({known[top][0].lower().replace("_", "-") for top in tops if top in known} - {"careslot"}))
"""
