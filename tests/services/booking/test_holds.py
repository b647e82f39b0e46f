"""Holds: they end by themselves, their place is there for the next, and nobody confirms what has ended."""

from __future__ import annotations

import asyncio
from collections import Counter
from datetime import timedelta

from services.booking.adapters.upkeep import sweep
from tests.services.booking.invariants import assert_sound
from tests.services.booking.world import START, World, offer


async def test_a_hold_keeps_others_away_until_it_expires(world: World) -> None:
    await world.hold(offer(), "pat-000001")
    assert (await world.book(offer(), "pat-000002")).status_code == 409
    world.clock.at += timedelta(minutes=5)
    taken = await world.book(offer(), "pat-000002")
    assert taken.status_code == 201
    history = await world.rows("SELECT action, reason, actor_subject FROM status_history ORDER BY id")
    assert [tuple(row) for row in history] == [
        ("hold", "", "sub-frontdesk"), ("expire", "hold-expired", "system:booking"), ("book", "", "sub-frontdesk"),
    ]  # fmt: skip
    assert await world.events() == [
        "booking.appointment-held.v1", "booking.hold-released.v1", "booking.appointment-booked.v1",
    ]  # fmt: skip
    await assert_sound(world)


async def test_expiry_frees_the_patient_too(world: World) -> None:
    await world.hold(offer(), "pat-000001")
    world.clock.at += timedelta(minutes=5)
    assert (await world.book(offer(clinician="cln-00002"), "pat-000001")).status_code == 201
    await assert_sound(world)


async def test_many_take_over_one_expired_hold(world: World) -> None:
    await world.hold(offer(), "pat-000001")
    world.clock.at += timedelta(minutes=5)
    await world.warm()
    answers = await asyncio.gather(*(world.book(offer(), f"pat-1{n:05}") for n in range(40)))
    assert Counter(answer.status_code for answer in answers) == {201: 1, 409: 39}
    assert (await world.events()).count("booking.hold-released.v1") == 1
    await assert_sound(world)


async def test_a_long_slot_takes_over_several_expired_holds(world: World) -> None:
    for n in range(3):
        await world.hold(offer(START + timedelta(minutes=20 * n)), f"pat-{n}")
    world.clock.at += timedelta(minutes=5)
    assert (await world.book(offer(minutes=60), "pat-000009")).status_code == 201
    assert (await world.events()).count("booking.hold-released.v1") == 3
    await assert_sound(world)


async def test_expired_is_expired(world: World) -> None:
    held = (await world.hold(offer())).json()
    world.clock.at += timedelta(minutes=5)
    before = await world.do(held, "confirm")
    assert (before.status_code, before.json()["type"]) == (409, "urn:careslot:problem:hold-expired")
    assert await sweep(world.register, world.clock) == 1
    after = await world.do(held, "confirm")
    assert (after.status_code, after.json()["type"]) == (409, "urn:careslot:problem:hold-expired")
    await assert_sound(world)


async def test_confirming_against_the_sweeper_and_a_rival(world: World) -> None:
    held = (await world.hold(offer(), "pat-000001")).json()
    confirmed = world.do(held, "confirm")
    await world.warm()
    world.clock.at += timedelta(minutes=5)
    answers = await asyncio.gather(confirmed, world.book(offer(), "pat-000002"), sweep(world.register, world.clock))
    won = [answer for answer in answers[:2] if answer.status_code < 300]
    assert len(won) == 1
    await assert_sound(world)


async def test_the_sweeper_ends_what_is_due_and_only_that(world: World) -> None:
    for n in range(7):
        body = {"offer": world.token(offer(START + timedelta(hours=n))), "patient_id": f"pat-{n}"}
        await world.post("/holds", {**body, "hold_seconds": 60 if n < 5 else 600})
    await world.book(offer(START + timedelta(hours=9)), "pat-9")
    world.clock.at += timedelta(seconds=60)
    assert await sweep(world.register, world.clock) == 5
    assert await sweep(world.register, world.clock) == 0
    statuses = await world.rows("SELECT status, count(*) FROM appointment GROUP BY status")
    assert dict(map(tuple, statuses)) == {"cancelled": 5, "pending": 2, "booked": 1}
    await assert_sound(world)


async def test_sweepers_share_the_work(world: World) -> None:
    for n in range(30):
        await world.hold(offer(START + timedelta(minutes=20 * n)), f"pat-{n}")
    world.clock.at += timedelta(minutes=5)
    ended = await asyncio.gather(*(world.register.end_expired(world.clock.now(), 10) for _ in range(5)))
    ended += [await sweep(world.register, world.clock)]
    assert sum(ended) == 30
    assert (await world.events()).count("booking.hold-released.v1") == 30
    await assert_sound(world)


async def test_release_gives_the_place_back(world: World) -> None:
    held = (await world.hold(offer())).json()
    released = (await world.do(held, "release")).json()
    assert (released["status"], released["reason"]) == ("cancelled", "hold-released")
    assert (await world.book(offer(), "pat-000002")).status_code == 201
    await assert_sound(world)


async def test_a_confirmed_hold_stays(world: World) -> None:
    held = (await world.hold(offer())).json()
    assert (await world.do(held, "confirm")).status_code == 200
    world.clock.at += timedelta(hours=1)
    assert await sweep(world.register, world.clock) == 0
    assert (await world.book(offer(), "pat-000002")).status_code == 409
    await assert_sound(world)


async def test_how_long_a_hold_may_last(world: World) -> None:
    body = {"offer": world.token(offer()), "patient_id": "pat-000001"}
    too_long = await world.post("/holds", {**body, "hold_seconds": 901})
    assert (too_long.status_code, too_long.json()["type"]) == (422, "urn:careslot:problem:hold-too-long")
    longest = await world.post("/holds", {**body, "hold_seconds": 900})
    assert longest.json()["hold_expires_at"] == "2027-01-04T12:15:00Z"
