"""A visit that cannot take place is told once, with a link; nobody is reminded of it; restored only to who knew."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from services.contracts.events.booking import VisitDisrupted, VisitDisruptionEnded
from services.notifications.lambdas.disruption_events import take_disruptions
from tests.fixtures.platform import NewDatabase
from tests.services.notifications.examples import NOW, PATIENT, envelope, failed, patient, sqs_batch
from tests.services.notifications.test_lambdas import Functions

VISIT = VisitDisrupted.EXAMPLE["visit_id"]
STARTS = NOW + timedelta(days=2)


@pytest.fixture
def functions(database: NewDatabase) -> Iterator[Functions]:
    """Return functions that have heard of the patient."""
    ready = Functions(database("notifications"))
    assert ready.directory(envelope(patient())) == []
    yield ready
    ready.worker.close()


def take(functions: Functions, *bodies: Any) -> list[str]:
    return failed(functions.worker.run(take_disruptions(functions.worker, sqs_batch(*bodies))))


def disrupted() -> Any:
    return envelope(
        VisitDisrupted.model_validate(
            {**VisitDisrupted.EXAMPLE, "patient_id": PATIENT, "starts_at": STARTS, "answer_by": STARTS}
        )
    )


def ended(outcome: str) -> Any:
    told = {**VisitDisruptionEnded.EXAMPLE, "patient_id": PATIENT, "starts_at": STARTS, "outcome": outcome}
    return envelope(VisitDisruptionEnded.model_validate(told))


def test_told_once_with_a_link_and_nothing_of_the_visit(functions: Functions) -> None:
    for _ in range(2):
        assert take(functions, disrupted()) == []
    assert functions.subjects() == ["Careslot: please choose another time"]
    body = functions.mail.sent[0][1].body
    assert f"/alternatives/{VISIT}" in body
    assert not [word for word in ("pat-", "fac-", "cln-", "family") if word in body]


@pytest.mark.parametrize(("outcome", "told"), [("restored", 2), ("rebooked", 1), ("cancelled", 1), ("passed-on", 1)])
def test_what_follows_is_told_when_it_takes_place_after_all(functions: Functions, outcome: str, told: int) -> None:
    assert take(functions, disrupted()) == []
    assert take(functions, ended(outcome)) == []
    assert len(functions.subjects()) == told
    if told == 2:
        assert functions.subjects()[-1] == "Careslot: your appointment takes place"


def test_who_never_heard_of_it_hears_nothing_whatever_the_order(functions: Functions) -> None:
    assert take(functions, ended("restored"), disrupted()) == []
    assert functions.subjects() == []


def test_who_wants_no_messages_is_told_of_to_booking_with_the_reason(functions: Functions) -> None:
    functions.query(
        "INSERT INTO preferences (patient_id, version, channels, consent, opted_out, changed_at) VALUES "
        f"('{PATIENT}', 1, ARRAY['email'], '{{\"reminders\": true}}', true, now()) RETURNING 1"
    )
    assert take(functions, disrupted()) == []
    ((told,),) = functions.query("SELECT data FROM outbox WHERE type = 'notifications.message-failed.v1'")
    assert (told["appointment_id"], told["kind"], told["reason"]) == (VISIT, "disruption", "opted-out")


def test_nobody_is_reminded_of_a_visit_that_cannot_take_place(functions: Functions) -> None:
    assert take(functions, disrupted()) == []
    appointment = VisitDisrupted.EXAMPLE["appointment_id"]
    functions.query(
        "INSERT INTO messages (message_id, appointment_id, appointment_version, patient_id, kind, starts_at, timezone, "
        f"due_at, send_after, correlation_id) VALUES (gen_random_uuid(), '{appointment}', 1, '{PATIENT}', "
        f"'reminder-1d', '{STARTS}', 'America/New_York', '{NOW}', '{NOW}', 'c') RETURNING 1"
    )
    functions.worker.run(functions.worker.delivery.deliver(NOW))
    assert functions.query("SELECT state FROM messages WHERE kind = 'reminder-1d'") == [("withdrawn",)]
