"""Freed slots find those who wait: in order, one at a time, whatever is out, crashes or comes twice."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from uuid import uuid4

import pytest

from services.contracts.events import EVENTS
from services.kernel.errors import Invalid
from services.kernel.outbox import Envelope
from services.waitlist.adapters.store import PostgresStore
from services.waitlist.consumers import on_directory, on_freed_slot, on_preferences
from tests.services.waitlist.world import LATER, NOW, World, slot

OPEN = "SELECT patient_id FROM offer WHERE state = 'open' ORDER BY patient_id"


async def waiting(world: World, *numbers: int) -> list[str]:
    """Let patients join with consent, a minute apart; return their requests' ids."""
    ids = []
    for n in numbers:
        await world.consent(f"pat-{n:06}")
        ids.append((await world.join(f"p{n}")).json()["id"])
        world.clock.at += timedelta(minutes=1)
    return ids


async def test_who_waits_longest_is_asked_and_the_urgent_before(world: World) -> None:
    ids = await waiting(world, 1, 2, 3)
    await world.send("PUT", f"/requests/{ids[2]}/priority", "frontdesk", {"referral_priority": "urgent"})
    for n in range(3):
        await world.free(slot(LATER + timedelta(hours=n)))
        await world.offering.round()
    asked = await world.rows("SELECT patient_id FROM offer ORDER BY id")
    assert asked == ["pat-000003", "pat-000001", "pat-000002"]
    assert (await world.events()).count("waitlist.offer-made.v1") == 3


async def test_without_consent_nobody_is_asked_and_the_slot_goes_back(world: World) -> None:
    await world.join("p1")
    await world.consent("pat-000002", offers=False)
    await world.join("p2")
    freed = await world.free(slot())
    await world.offering.round()
    assert await world.rows("SELECT count(*) FROM offer") == [0]
    assert world.booking.released == [freed]


async def test_consent_counts_by_version_not_by_arrival(world: World) -> None:
    await world.consent("pat-000001", 3, offers=False)
    await world.consent("pat-000001", 2, offers=True)
    await world.tell("notifications.preferences-changed.v1", version=4, offers=None)
    assert (await world.join("p1")).json()["consent"] is False


async def test_next_in_line_on_expiry_until_nobody_is_left(world: World) -> None:
    await waiting(world, 1, 2)
    freed = await world.free(slot())
    for patient in ("pat-000001", "pat-000002"):
        await world.offering.round()
        assert await world.rows(OPEN) == [patient]
        ends = (await world.rows("SELECT expires_at FROM offer WHERE state = 'open'"))[0]
        assert world.booking.kept[freed] > ends
        world.clock.at = ends
    await world.offering.round()
    assert await world.rows(OPEN) == []
    assert world.booking.released == [freed]
    assert await world.rows("SELECT lapses FROM request") == [1, 1]
    assert (await world.events()).count("waitlist.offer-expired.v1") == 2


async def test_within_the_notice_nothing_is_offered(world: World) -> None:
    await waiting(world, 1)
    await world.free(slot(world.clock.at + timedelta(hours=2, minutes=10)))
    await world.offering.round()
    assert await world.rows("SELECT count(*) FROM offer") == [0]


async def test_booking_out_the_offer_is_told_when_the_slot_is_secured(world: World) -> None:
    await waiting(world, 1)
    await world.free(slot())
    world.booking.out = True
    await world.offering.round()
    assert "waitlist.offer-made.v1" not in await world.events()
    world.booking.out = False
    await world.offering.round()
    assert await world.rows(OPEN) == ["pat-000001"]


async def test_a_slot_that_went_back_meanwhile_is_offered_to_nobody(world: World) -> None:
    await waiting(world, 1)
    freed = await world.free(slot())
    world.booking.kept.pop(freed)
    await world.offering.round()
    assert await world.rows("SELECT state FROM offer") == ["void"]
    assert await world.rows("SELECT status, lapses FROM request") == [("waiting", 0)]
    assert not [event for event in await world.events() if "offer" in event]


async def test_after_an_outage_what_expired_is_let_be(world: World) -> None:
    await waiting(world, 1)
    freed = await world.free(slot())
    world.clock.at += timedelta(minutes=10)
    await world.tell("booking.slot-released.v1", freed_id=str(freed))
    await world.free(slot(LATER + timedelta(hours=1)))
    await world.offering.round()
    assert await world.rows("SELECT slot->>'starts_at' FROM offer") == [
        (LATER + timedelta(hours=1)).isoformat().replace("+00:00", "Z")
    ]


async def test_release_before_freed_and_everything_twice(world: World) -> None:
    await waiting(world, 1)
    freed = uuid4()
    for _ in range(2):
        await world.tell("booking.slot-released.v1", freed_id=str(freed), version=2)
        await world.free(slot(), freed)
    await world.offering.round()
    assert await world.rows("SELECT state FROM freed_slot") == ["closed"]
    assert await world.rows("SELECT count(*) FROM offer") == [0]


async def test_an_acceptance_that_was_cut_off_is_learnt_from_booking(world: World) -> None:
    await waiting(world, 1)
    freed = await world.free(slot())
    await world.offering.round()
    await world.tell("booking.slot-released.v1", freed_id=str(freed), version=3, outcome="taken")
    assert await world.rows("SELECT state FROM offer") == ["accepted"]
    assert await world.rows("SELECT status FROM request") == ["accepted"]
    assert "waitlist.offer-accepted.v1" in await world.events()


async def test_a_request_ends_with_its_last_day(world: World) -> None:
    await world.join("p1", latest="2027-01-05")
    await world.offering.round()
    assert await world.rows("SELECT status FROM request") == ["waiting"]
    world.clock.at = NOW + timedelta(days=3)
    await world.offering.round()
    assert await world.rows("SELECT status FROM request") == ["expired"]
    assert (await world.events())[-2:] == ["waitlist.demand-changed.v1", "waitlist.request-expired.v1"]


async def test_demand_is_told_when_it_begins_and_ends_only(world: World) -> None:
    first, second = await waiting(world, 1, 2)
    for id_ in (first, second):
        await world.send("POST", f"/requests/{id_}/withdraw", "frontdesk")
    told = await world.rows(
        "SELECT (data->>'waiting')::bool, (data->>'version')::int FROM outbox "
        "WHERE type = 'waitlist.demand-changed.v1' ORDER BY id"
    )
    assert told == [(True, 1), (False, 2)]


async def test_four_processes_side_by_side_ask_nobody_twice(world: World) -> None:
    await waiting(world, 1, 2, 3, 4, 5)
    for n in range(8):
        await world.free(slot(LATER + timedelta(hours=n)), seconds=600)
    await asyncio.gather(*(world.offering.round() for _ in range(4)))
    await world.offering.round()
    assert await world.rows(OPEN) == [f"pat-{n:06}" for n in range(1, 6)]
    assert len(await world.rows("SELECT DISTINCT freed_id FROM offer WHERE state = 'open'")) == 5


@pytest.mark.parametrize("handle", [on_directory, on_preferences, on_freed_slot])
async def test_events_of_other_queues_are_refused(world: World, handle: object) -> None:
    event = EVENTS["booking.appointment-booked.v1"]
    envelope = Envelope(uuid4(), event.TYPE, "booking", NOW, "", event.EXAMPLE)
    async with world.database.transaction() as connection:
        with pytest.raises(Invalid):
            await handle(envelope, PostgresStore(connection))  # type: ignore[operator]  # one of the three above
