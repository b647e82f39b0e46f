"""What is down takes nothing with it; what comes back catches up once; what cannot be handled can be found."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from services.contracts.events.booking import AppointmentBooked
from services.local.aws import Aws
from services.local.demo.client import Appointment, Person, expected
from tests.journeys.consequences import rows, settle
from tests.journeys.running import Running, slots

QUEUE = "availability-appointments"
PATIENT = "pat-000042"


@pytest.fixture
def stopped(platform: Running) -> Iterator[list[str]]:
    """Start again whatever a test stopped."""
    services: list[str] = []
    yield services
    for service in services:
        platform.verb("start", service)
    platform.wait_for(
        lambda: all(c.state in {"ready", "degraded"} for c in platform.state.children) or None, "all services back"
    )


@pytest.fixture
def offers(platform: Running) -> list[dict[str, Any]]:
    """Offers in hand, far enough ahead for every reminder and of one clinician, so that none overlap."""
    starts = datetime.now(UTC) + timedelta(days=24)
    window = {"from": starts.isoformat(), "to": (starts + timedelta(days=9)).isoformat()}
    found = slots(platform.person("scheduler"), 40, specialty="family-medicine", **window)
    return [found[0], found[20], found[39]]


def book(person: Person, offer: dict[str, Any], patient: str = PATIENT) -> Appointment:
    answer = person.command("/booking/appointments", {"offer": offer["offer"], "patient_id": patient})
    return Appointment.of(expected(answer, 201))


def test_without_availability_an_offer_in_hand_is_booked_and_search_catches_up(
    platform: Running, stopped: list[str], offers: list[dict[str, Any]]
) -> None:
    scheduler = platform.person("scheduler")
    stopped.append("availability")
    assert platform.verb("stop", "availability").returncode == 0
    gone = scheduler.http.get("/availability/slots", params={"specialty": "family-medicine"})
    assert (gone.status_code, gone.headers["content-type"]) == (503, "application/problem+json")
    booked = book(scheduler, offers[0])
    lost = scheduler.command("/booking/appointments", {"offer": offers[0]["offer"], "patient_id": "pat-000043"})
    assert (lost.status_code, lost.json()["alternatives_status"]) == (409, "unavailable")
    assert platform.verb("start", "availability").returncode == 0
    settle(platform.state)
    busy = rows(platform.state, "availability", "SELECT live FROM busy WHERE appointment_id = %s", booked.id)
    assert busy == [(True,)]


def test_without_notifications_bookings_go_on_and_messages_catch_up_once(
    platform: Running, stopped: list[str], offers: list[dict[str, Any]]
) -> None:
    stopped.append("notifications")
    assert platform.verb("stop", "notifications").returncode == 0
    booked = book(platform.person("scheduler"), offers[1])
    query = "SELECT kind, count(*) FROM messages WHERE appointment_id = %s::uuid GROUP BY 1 ORDER BY 1"
    aws = Aws(platform.state.emulator)
    url = aws.sqs.get_queue_url(QueueName="notifications-appointments")["QueueUrl"]

    def waiting() -> bool | None:
        found = aws.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["ApproximateNumberOfMessages"])
        return found["Attributes"]["ApproximateNumberOfMessages"] != "0" or None

    platform.wait_for(waiting, "the event waits in its queue")
    assert rows(platform.state, "notifications", query, booked.id) == []
    assert platform.verb("start", "notifications").returncode == 0
    settle(platform.state)
    once = [("confirmation", 1), ("reminder-1d", 1), ("reminder-3d", 1), ("reminder-7d", 1)]
    assert rows(platform.state, "notifications", query, booked.id) == once
    again = _envelope(platform, booked.id)
    for _ in range(3):
        aws.sqs.send_message(QueueUrl=url, MessageBody=again)
    settle(platform.state)
    assert rows(platform.state, "notifications", query, booked.id) == once


def test_without_its_consumer_booking_tells_the_same_later(
    platform: Running, stopped: list[str], offers: list[dict[str, Any]]
) -> None:
    """Booking itself is killed right after it committed: the event leaves its outbox once it is back."""
    scheduler = platform.person("scheduler")
    booked = book(scheduler, offers[2])
    platform.kill("booking")
    platform.wait_for(lambda: platform.child("booking").state == "ready" or None, "booking back")
    settle(platform.state)
    sent = rows(
        platform.state, "booking",
        "SELECT count(*), count(sent_at) FROM outbox WHERE channel = 'bus' AND data->>'appointment_id' = %s", booked.id,
    )  # fmt: skip
    assert sent == [(1, 1)]
    busy = rows(platform.state, "availability", "SELECT live FROM busy WHERE appointment_id = %s", booked.id)
    assert busy == [(True,)]


def test_a_poison_message_ends_in_its_dead_letters_and_can_be_shown_and_dropped(platform: Running) -> None:
    aws = Aws(platform.state.emulator)
    url = aws.sqs.get_queue_url(QueueName=QUEUE)["QueueUrl"]
    poison = _body(str(uuid4()), {"appointment_id": str(uuid4()), "patient_id": "Planted Poison"})
    aws.sqs.send_message(QueueUrl=url, MessageBody=poison)

    def dead() -> list[dict[str, Any]] | None:
        found: list[dict[str, Any]] = json.loads(platform.verb("dlq", "show", QUEUE, "--json").stdout)
        return found or None

    [letter] = platform.wait_for(dead, "the poison message in its dead letters", 90)
    assert letter["event_type"] == AppointmentBooked.TYPE
    assert "Planted" not in platform.verb("dlq", "show", QUEUE).stdout
    assert "Planted" in platform.verb("dlq", "show", QUEUE, "--reveal").stdout
    assert json.loads(platform.verb("dlq", "list", "--json").stdout)[QUEUE] == 1
    assert platform.verb("dlq", "replay", QUEUE, "--id", "nothing").returncode == 1
    assert platform.verb("dlq", "drop", QUEUE, "--id", letter["event_id"], "--yes").returncode == 0
    assert json.loads(platform.verb("dlq", "list", "--json").stdout)[QUEUE] == 0


def test_a_replayed_dead_letter_takes_effect(platform: Running) -> None:
    aws = Aws(platform.state.emulator)
    appointment = str(uuid4())
    data = {**AppointmentBooked.EXAMPLE, "appointment_id": appointment}
    url = aws.sqs.get_queue_url(QueueName=f"{QUEUE}-dlq")["QueueUrl"]
    event_id = str(uuid4())
    aws.sqs.send_message(QueueUrl=url, MessageBody=_body(event_id, data))
    assert platform.verb("dlq", "replay", QUEUE, "--id", event_id).returncode == 0
    settle(platform.state)
    found = rows(platform.state, "availability", "SELECT live FROM busy WHERE appointment_id = %s", appointment)
    assert found == [(True,)]


def test_the_drill_finds_the_promises_of_audit_kept(platform: Running) -> None:
    done = platform.verb("drill", "isolation", "--service", "audit", "--seconds", "5", "--json")
    told = json.loads(done.stdout)
    assert (done.returncode, told["broken"]) == (0, []), done.stderr
    [audit] = told["services"]
    assert audit["counts"]["entries written meanwhile"] == audit["counts"]["entries chained"] > 0
    assert platform.child("audit").state in {"ready", "degraded"}


def test_unknown_queues_are_a_wrong_use_of_the_command(platform: Running) -> None:
    assert platform.verb("dlq", "show", "no-such-queue").returncode == 2


def _envelope(platform: Running, appointment_id: str) -> str:
    """Return an appointment's first event as the bus delivered it."""
    [(event_id, data)] = rows(
        platform.state, "booking",
        "SELECT event_id::text, data FROM outbox WHERE channel = 'bus' AND data->>'appointment_id' = %s",
        appointment_id,
    )  # fmt: skip
    return _body(event_id, data)


def _body(event_id: str, data: dict[str, Any]) -> str:
    detail = {
        "id": event_id, "type": AppointmentBooked.TYPE, "occurred_at": datetime.now(UTC).isoformat(),
        "correlation_id": "c" * 32, "data": data,
    }  # fmt: skip
    return json.dumps({"source": "careslot.booking", "detail-type": AppointmentBooked.TYPE, "detail": detail})
