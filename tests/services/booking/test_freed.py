"""A freed slot is kept for those who wait, for a short time and never without an end, and for nobody else's harm."""

from __future__ import annotations

import asyncio
from collections import Counter
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest

from services.booking.adapters.projections import PostgresProjections
from services.booking.adapters.upkeep import sweep
from services.booking.domain.freed import LONGEST_EXTENSION
from services.contracts.slot_offer import ReservedOffer, SlotOffer
from tests.fixtures.platform import NewDatabase
from tests.services.booking.invariants import assert_sound
from tests.services.booking.world import START, World, offer, waitlist_key, world_over

LATER = START + timedelta(days=3)


async def wait_at(world: World, facility: str = "fac-0001", version: int = 1, *, waiting: bool = True) -> None:
    async with world.database.transaction() as connection:
        await PostgresProjections(connection).record_demand(facility, "family-medicine", version, waiting=waiting)


async def free(world: World, slot: SlotOffer, patient: str = "pat-000001") -> UUID:
    """Book and cancel; return the freed slot's id."""
    booked = (await world.book(slot, patient)).json()
    cancelled = await world.do(booked, "cancel", {"reason": "pat"})
    assert cancelled.status_code == 200, cancelled.text
    freed: UUID = await world.value("SELECT id FROM freed_slot WHERE appointment_id = $1", UUID(booked["id"]))
    return freed


async def take(
    world: World, freed_id: UUID, slot: SlotOffer, patient: str = "pat-000009", *, until: datetime | None = None,
    named: str | None = None, **how: Any,
) -> httpx.Response:  # fmt: skip
    reserved = ReservedOffer(freed_id=freed_id, patient_id=named or patient, offer=slot)
    token = waitlist_key().reserve(reserved, world.clock.now(), until or world.clock.now() + timedelta(minutes=5))
    body = {"offer": token, "patient_id": patient, "freed_id": str(freed_id)}
    return await world.post("/appointments", body, **how)


async def extend(world: World, freed_id: UUID, until: datetime) -> str:
    """Return what stands against keeping it until then."""
    body = {"extensions": [{"freed_id": str(freed_id), "until": until.isoformat()}]}
    (told,) = (await world.post("/freed-slots/extend", body, who="waitlist")).json()["extensions"]
    assert told["kept"] is (told["reason"] == "")
    return str(told["reason"])


async def test_nobody_waits_nothing_is_kept(world: World) -> None:
    booked = (await world.book(offer(LATER))).json()
    await world.do(booked, "cancel", {"reason": "pat"})
    assert await world.value("SELECT count(*) FROM freed_slot") == 0
    assert (await world.book(offer(LATER), "pat-000002")).status_code == 201


async def test_kept_from_others_then_free_again_without_sweeper_or_waitlist(world: World) -> None:
    await wait_at(world)
    await free(world, offer(LATER))
    lost = await world.book(offer(LATER), "pat-000002")
    assert (lost.status_code, lost.json()["type"]) == (409, "urn:careslot:problem:slot-taken")
    # The patient who cancelled is free at once: the grace holds places, not people.
    assert (await world.book(offer(LATER, clinician="cln-00007"), "pat-000001")).status_code == 201
    world.clock.at += timedelta(seconds=31)
    assert (await world.book(offer(LATER), "pat-000002")).status_code == 201
    assert (await world.events())[-2:] == ["booking.slot-released.v1", "booking.appointment-booked.v1"]
    await assert_sound(world)


async def test_told_before_the_cancellation_and_without_a_patient(world: World) -> None:
    await wait_at(world)
    freed_id = await free(world, offer(LATER))
    assert (await world.events())[-2:] == ["booking.slot-freed.v1", "booking.appointment-cancelled.v1"]
    told = await world.value("SELECT data FROM outbox WHERE type = 'booking.slot-freed.v1'")
    assert told["freed_id"] == str(freed_id)
    assert "patient" not in str(told) and "pat-" not in str(told)


async def test_the_sweeper_gives_it_back_and_tells(world: World) -> None:
    await wait_at(world)
    await free(world, offer(LATER))
    world.clock.at += timedelta(seconds=30)
    assert await sweep(world.register, world.clock) == 1
    assert await sweep(world.register, world.clock) == 0
    assert (await world.events())[-1] == "booking.slot-released.v1"
    await assert_sound(world)


@pytest.mark.parametrize(
    ("start", "reason", "kept"),
    [
        (LATER, "pat", 1),
        (LATER, "prov-pers", 0),
        (START - timedelta(hours=1), "pat", 0),  # two hours ahead: within the notice
    ],
)
async def test_what_is_not_worth_keeping(world: World, start: datetime, reason: str, kept: int) -> None:
    await wait_at(world)
    booked = (await world.book(offer(start))).json()
    assert (await world.do(booked, "cancel", {"reason": reason})).status_code == 200
    assert await world.value("SELECT count(*) FROM freed_slot") == kept


async def test_demand_that_ended_or_came_out_of_order(world: World) -> None:
    await wait_at(world, version=2, waiting=False)
    await wait_at(world, version=1, waiting=True)
    booked = (await world.book(offer(LATER))).json()
    await world.do(booked, "cancel", {"reason": "pat"})
    assert await world.value("SELECT count(*) FROM freed_slot") == 0


async def test_moving_away_frees_the_former_place(world: World) -> None:
    await wait_at(world)
    booked = (await world.book(offer(LATER))).json()
    moved = await world.move(booked, offer(LATER + timedelta(hours=1)))
    assert moved.status_code == 200
    assert (await world.book(offer(LATER), "pat-000002")).status_code == 409
    # Onto a time that overlaps its own: it needs part of the place it leaves.
    again = await world.move(moved.json(), offer(LATER + timedelta(hours=1, minutes=10)))
    assert again.status_code == 200
    assert await world.value("SELECT count(*) FROM freed_slot") == 1
    await assert_sound(world)


async def test_only_the_patient_it_was_offered_to_takes_it(world: World) -> None:
    await wait_at(world)
    slot = offer(LATER)
    freed_id = await free(world, slot)
    assert (await take(world, freed_id, slot, "pat-000008", named="pat-000009")).status_code == 422
    # A plain offer of availability opens no freed slot, and waitlist's key mints no plain offer.
    plain = {"offer": world.token(slot), "patient_id": "pat-000009", "freed_id": str(freed_id)}
    assert (await world.post("/appointments", plain)).status_code == 422
    forged = {"offer": waitlist_key().sign(slot, world.clock.now()), "patient_id": "pat-000009"}
    assert (await world.post("/appointments", forged)).status_code == 422
    first = await take(world, freed_id, slot, key="k1")
    assert first.status_code == 201, first.text
    assert (await take(world, freed_id, slot, key="k1")).json() == first.json()
    second = await take(world, freed_id, slot, who="callcenter")
    assert (second.status_code, second.json()["type"]) == (409, "urn:careslot:problem:freed-slot-gone")
    assert await world.value("SELECT state FROM freed_slot") == "taken"
    await assert_sound(world)


async def test_the_freed_lane_is_the_one_taken(world: World) -> None:
    await wait_at(world)
    slot = offer(LATER, depth=2)
    await world.book(slot, "pat-000001")
    freed_id = await free(world, slot, "pat-000002")
    taken = await take(world, freed_id, slot)
    assert (taken.status_code, taken.json()["lane"]) == (201, 1)
    await assert_sound(world)


async def test_a_patient_who_is_busy_then_takes_nothing_and_loses_nothing(world: World) -> None:
    await wait_at(world)
    slot = offer(LATER)
    freed_id = await free(world, slot)
    await world.book(offer(LATER, clinician="cln-00007"), "pat-000009")
    assert (await take(world, freed_id, slot)).json()["type"] == "urn:careslot:problem:patient-busy"
    assert await world.value("SELECT state FROM freed_slot") == "open"


async def test_extended_only_by_waitlist_and_within_bounds(world: World) -> None:
    await wait_at(world)
    freed_id = await free(world, offer(LATER))
    now = world.clock.now()
    path, extension = "/freed-slots/extend", {"freed_id": str(freed_id), "until": now.isoformat()}
    assert (await world.post(path, {"extensions": [extension]}, who="callcenter")).status_code == 403
    for _ in range(2):
        assert await extend(world, freed_id, now + timedelta(hours=2)) == ""
    assert await world.value("SELECT version FROM freed_slot") == 2, "a repetition changes nothing"
    assert await extend(world, freed_id, now + LONGEST_EXTENSION + timedelta(seconds=1)) == "extension-out-of-bounds"
    assert await extend(world, freed_id, now - timedelta(seconds=1)) == "extension-out-of-bounds"
    assert await extend(world, uuid4(), now + timedelta(hours=2)) == "unknown"
    odds: tuple[object, ...] = ({}, [], 1, None, True, "soon")
    for odd in odds:
        answer = await world.post(path, {"extensions": [{**extension, "until": odd}]}, who="waitlist")
        assert answer.status_code == 422, odd
    for many in ([], [extension] * 101):
        assert (await world.post(path, {"extensions": many}, who="waitlist")).status_code == 422
    world.clock.at = now + timedelta(hours=1, minutes=59)
    assert (await world.book(offer(LATER), "pat-000002")).status_code == 409
    world.clock.at = now + timedelta(hours=2)
    assert await extend(world, freed_id, now + timedelta(hours=3)) == "freed-slot-gone"
    assert (await world.book(offer(LATER), "pat-000002")).status_code == 201
    await assert_sound(world)


async def test_never_kept_into_the_notice_before_its_start(world: World) -> None:
    await wait_at(world)
    soon = world.clock.now() + timedelta(hours=3)
    freed_id = await free(world, offer(soon))
    assert await extend(world, freed_id, soon - timedelta(hours=2) + timedelta(seconds=1)) == "extension-out-of-bounds"
    assert await extend(world, freed_id, soon - timedelta(hours=2)) == ""


async def test_many_are_kept_together_and_one_that_is_gone_keeps_none_back(world: World) -> None:
    await wait_at(world)
    slots = [offer(LATER + timedelta(hours=n)) for n in range(3)]
    ids = [await free(world, slot) for slot in slots]
    await world.post(f"/freed-slots/{ids[1]}/release", who="waitlist")
    until = world.clock.now() + timedelta(hours=2)
    body = {"extensions": [{"freed_id": str(one), "until": until.isoformat()} for one in (*ids, uuid4())]}
    told = (await world.post("/freed-slots/extend", body, who="waitlist")).json()["extensions"]
    assert [one["reason"] for one in told] == ["", "freed-slot-gone", "", "unknown"]
    world.clock.at = until - timedelta(seconds=1)
    taken = [(await world.book(slot, "pat-000002")).status_code for slot in slots]
    assert taken == [409, 201, 409]
    versions = "SELECT array_agg((data->>'version')::int ORDER BY id) FROM outbox WHERE type = 'booking.slot-freed.v1'"
    assert await world.value(versions) == [1, 1, 1, 2, 2], "told once each, and nothing of the others"
    audited = "SELECT count(*) FROM outbox WHERE channel = 'audit' AND data->>'action' = 'extend-freed-slot'"
    assert await world.value(audited) == 2
    await assert_sound(world)


async def test_released_it_is_free_at_once_and_twice_is_once(world: World) -> None:
    await wait_at(world)
    freed_id = await free(world, offer(LATER))
    for _ in range(2):
        released = await world.post(f"/freed-slots/{freed_id}/release", who="waitlist")
        assert (released.status_code, released.json()["state"]) == (200, "released")
    assert (await world.events()).count("booking.slot-released.v1") == 1
    assert (await world.book(offer(LATER), "pat-000002")).status_code == 201


async def test_a_rush_for_freed_slots_has_one_winner_each(world: World) -> None:
    await wait_at(world)
    slots = [offer(LATER + timedelta(minutes=20 * n)) for n in range(5)]
    freed = [await free(world, slot) for slot in slots]
    takers = [take(world, freed[n % 5], slots[n % 5], f"pat-{n:06}") for n in range(100, 140)]
    others = [world.book(slots[n % 5], f"pat-{n:06}") for n in range(200, 240)]
    answers = await asyncio.gather(*takers, *others)
    assert Counter(answer.status_code for answer in answers) == {201: 5, 409: 75}
    assert all(answer.status_code == 409 for answer in answers[40:])
    await assert_sound(world)


async def test_cancelling_and_taking_over_and_over(world: World) -> None:
    await wait_at(world)
    slot = offer(LATER)
    freed_id = await free(world, slot)
    for n in range(3):
        taken = (await take(world, freed_id, slot, f"pat-{n + 10:06}")).json()
        assert (await world.do(taken, "cancel", {"reason": "pat"})).status_code == 200
        freed_id = await world.value("SELECT id FROM freed_slot WHERE state = 'open'")
    await assert_sound(world)


async def test_no_grace_when_it_is_switched_off(database: NewDatabase) -> None:
    async with world_over(database("booking"), freed_grace_seconds=0) as world:
        await wait_at(world)
        booked = (await world.book(offer(LATER))).json()
        await world.do(booked, "cancel", {"reason": "pat"})
        assert await world.value("SELECT count(*) FROM freed_slot") == 0
