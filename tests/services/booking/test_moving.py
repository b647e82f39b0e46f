"""Moving: all or nothing, onto itself, back again, against others."""

from __future__ import annotations

import asyncio
from collections import Counter
from datetime import timedelta

import pytest

from tests.services.booking.invariants import assert_sound
from tests.services.booking.world import START, World, offer


@pytest.mark.parametrize("minutes", [-10, 0, 10])
async def test_moving_to_a_time_that_overlaps_ones_own(world: World, minutes: int) -> None:
    booked = (await world.book(offer())).json()
    there = offer(START + timedelta(minutes=minutes), minutes=30)
    moved = await world.move(booked, there)
    assert moved.status_code == 200, moved.text
    assert (moved.json()["id"], moved.json()["version"]) == (booked["id"], 2)
    await assert_sound(world)
    back = await world.move(moved.json(), offer())
    assert (back.status_code, back.json()["starts_at"]) == (200, booked["starts_at"])
    await assert_sound(world)


async def test_the_old_slot_is_free_and_the_new_one_is_not(world: World) -> None:
    booked = (await world.book(offer())).json()
    there = offer(START + timedelta(hours=1), clinician="cln-00002")
    await world.move(booked, there)
    assert (await world.book(offer(), "pat-000002")).status_code == 201
    assert (await world.book(there, "pat-000003")).status_code == 409
    event = (await world.rows("SELECT data FROM outbox WHERE type = 'booking.appointment-moved.v1'"))[0]["data"]
    assert (event["former_clinician_id"], event["clinician_id"]) == ("cln-00001", "cln-00002")
    assert (event["former_starts_at"], event["starts_at"]) == ("2027-01-04T15:00:00Z", "2027-01-04T16:00:00Z")


async def test_a_lost_move_changes_nothing(world: World) -> None:
    there = offer(START + timedelta(minutes=10))
    other = (await world.book(offer(START + timedelta(minutes=20)), "pat-000002")).json()
    booked = (await world.book(offer())).json()
    refused = await world.move(booked, there)
    assert (refused.status_code, refused.json()["type"]) == (409, "urn:careslot:problem:slot-taken")
    now = (await world.client("frontdesk").get(f"/appointments/{booked['id']}")).json()
    assert now == booked
    assert (await world.book(offer(), "pat-000003")).status_code == 409
    assert other["version"] == 1
    await assert_sound(world)


async def test_many_move_to_one_slot(world: World) -> None:
    there = offer(START + timedelta(hours=5))
    slots = [offer(START + timedelta(minutes=20 * n)) for n in range(12)]
    booked = [(await world.book(slot, f"pat-{n}")).json() for n, slot in enumerate(slots)]
    await world.warm()
    answers = await asyncio.gather(*(world.move(appointment, there) for appointment in booked))
    assert Counter(answer.status_code for answer in answers) == {200: 1, 409: 11}
    await assert_sound(world)


async def test_two_moves_of_one_appointment(world: World) -> None:
    booked = (await world.book(offer())).json()
    there = [offer(START + timedelta(hours=n + 1)) for n in range(6)]
    await world.warm()
    answers = await asyncio.gather(*(world.move(booked, slot) for slot in there))
    assert Counter(answer.status_code for answer in answers) == {200: 1, 412: 5}
    stale = next(answer for answer in answers if answer.status_code == 412)
    assert (stale.headers["etag"], stale.json()["current_etag"]) == ('"2"', '"2"')
    await assert_sound(world)


async def test_swapping_places_is_refused_whole(world: World) -> None:
    here, there = offer(), offer(START + timedelta(hours=1))
    first, second = (await world.book(here, "pat-1")).json(), (await world.book(there, "pat-2")).json()
    await world.warm()
    answers = await asyncio.gather(world.move(first, there), world.move(second, here))
    assert [answer.status_code for answer in answers] == [409, 409]
    await assert_sound(world)


async def test_into_an_overbooking_lane(world: World) -> None:
    there = offer(START + timedelta(hours=1), depth=2)
    await world.book(there, "pat-000002")
    booked = (await world.book(offer(depth=2), "pat-000001")).json()
    assert (await world.move(booked, there)).json()["lane"] == 1
    await assert_sound(world)


async def test_moving_needs_the_right_at_both_ends(world: World) -> None:
    booked = (await world.book(offer())).json()
    away = offer(START + timedelta(hours=1), clinician="cln-00002", facility="fac-0002")
    assert (await world.move(booked, away)).status_code == 403
    assert (await world.move(booked, away, who="elsewhere")).status_code == 403
    assert (await world.move(booked, away, who="callcenter")).status_code == 200
    await assert_sound(world)


async def test_what_cannot_be_moved(world: World) -> None:
    held = (await world.hold(offer())).json()
    assert (await world.move(held, offer(START + timedelta(hours=1)))).status_code == 409
    unknown = {**held, "id": "0197a000-0000-7000-8000-00000000000a"}
    assert (await world.move(unknown, offer())).status_code == 404
