"""Full calendars and clinicians who call in sick, for tests of what follows."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from services.booking.adapters.projections import PostgresProjections
from services.booking.consumers import on_block, on_delivery
from services.contracts.events.availability import LeaveRecorded
from services.contracts.events.base import Event
from services.contracts.events.notifications import MessageFailed, MessageSent
from services.contracts.slot_offer import SlotOffer
from services.kernel.outbox import Envelope
from tests.services.booking.world import World, offer

DAY = datetime(2027, 1, 5, 5, 0, tzinfo=UTC)
MORNING = DAY + timedelta(hours=9)
OTHER_DAY = MORNING + timedelta(days=1)
MINUTES = timedelta(minutes=1)


def slots(count: int, start: datetime = MORNING, **how: Any) -> list[SlotOffer]:
    return [offer(start + 20 * n * MINUTES, **how) for n in range(count)]


async def take(world: World, event: Event, at: datetime | None = None) -> None:
    handler = on_delivery if event.source == "careslot.notifications" else on_block
    envelope = Envelope(uuid4(), event.type, event.source, at or world.clock.now(), "", dict(event.payload()))
    async with world.database.transaction() as connection:
        await handler(envelope, PostgresProjections(connection))


async def sick(world: World, leave_id: str = "leave-1", clinician: str = "cln-00001") -> None:
    leave = LeaveRecorded(leave_id=leave_id, clinician_id=clinician, starts_at=DAY, ends_at=DAY + timedelta(days=1))
    await take(world, leave)


async def booked(world: World, count: int, **how: Any) -> list[dict[str, Any]]:
    made = [await world.book(slot, f"pat-{n:06}") for n, slot in enumerate(slots(count, **how), 1)]
    assert {answer.status_code for answer in made} == {201}
    return [answer.json() for answer in made]


async def visit_of(world: World, appointment: dict[str, Any]) -> str:
    """Return the id of the disrupted visit, as the patient's link has it."""
    found = await world.value(
        "SELECT id FROM disrupted_visit WHERE appointment_id = $1 ORDER BY found_at DESC LIMIT 1",
        UUID(appointment["id"]),
    )
    return str(found)


async def sent(world: World, about: str, kind: str = "disruption", reason: str = "", minutes: int = 0) -> None:
    told = {"message_id": str(uuid4()), "appointment_id": about, "kind": kind, "channel": "email", "language": "en"}
    event = MessageFailed(**told, reason=reason) if reason else MessageSent(**told)
    await take(world, event, world.clock.now() + minutes * MINUTES)


async def seen(world: World, disruption_id: str = "leave-1", who: str = "callcenter") -> dict[str, Any]:
    answer = await world.client(who).get(f"/disruptions/{disruption_id}")
    assert answer.status_code == 200, answer.text
    told: dict[str, Any] = answer.json()
    assert sum(told["states"].values()) == told["affected"]
    assert told["told"] + told["on_the_way"] + sum(told["not_reached"].values()) == told["affected"]
    return told
