"""Many who want the same: exactly as many win as there are places, the others leave no trace but a count."""

from __future__ import annotations

import asyncio
from collections import Counter
from datetime import timedelta

import pytest_asyncio

from tests.services.booking.invariants import assert_sound
from tests.services.booking.world import START, World, offer


@pytest_asyncio.fixture(autouse=True)
async def _everyone_at_the_start(world: World) -> None:
    await world.warm()


async def test_200_attempts_on_10_slots(world: World) -> None:
    slots = [offer(START + timedelta(minutes=20 * n)) for n in range(10)]
    answers = await asyncio.gather(*(world.book(slots[n % 10], f"pat-{n:06}") for n in range(200)))
    assert Counter(answer.status_code for answer in answers) == {201: 10, 409: 190}
    losers = [answer.json() for answer in answers if answer.status_code == 409]
    assert {loser["type"] for loser in losers} == {"urn:careslot:problem:slot-taken"}
    assert {loser["alternatives_status"] for loser in losers} == {"ok"}
    assert await world.value("SELECT count(*) FROM appointment") == 10
    assert await world.value("SELECT count(*) FROM idempotency") == 10
    assert await world.value("SELECT count(*) FROM outbox WHERE channel = 'audit'") == 10
    await assert_sound(world)


async def test_overlapping_slots_of_different_lengths(world: World) -> None:
    # Twelve starts five minutes apart, thirty minutes long: at most three of them fit into ninety minutes.
    slots = [offer(START + timedelta(minutes=5 * n), minutes=30) for n in range(13)]
    answers = await asyncio.gather(*(world.book(slots[n % 13], f"pat-{n:06}") for n in range(130)))
    won = [answer for answer in answers if answer.status_code == 201]
    assert {answer.status_code for answer in answers} == {201, 409}
    assert 1 <= len(won) <= 3
    await assert_sound(world)


async def test_lanes_fill_up_and_no_further(world: World) -> None:
    slot = offer(depth=3)
    answers = await asyncio.gather(*(world.book(slot, f"pat-{n:06}") for n in range(60)))
    assert Counter(answer.status_code for answer in answers) == {201: 3, 409: 57}
    assert sorted(answer.json()["lane"] for answer in answers if answer.status_code == 201) == [0, 1, 2]
    assert await world.value("SELECT count(*) FROM claim WHERE kind = 'patient' AND lane <> 0") == 0
    await assert_sound(world)


async def test_a_freed_lane_is_the_next_taken(world: World) -> None:
    slot = offer(depth=3)
    first, second = [(await world.book(slot, f"pat-{n}")).json() for n in range(2)]
    assert (first["lane"], second["lane"]) == (0, 1)
    assert (await world.do(first, "cancel", {"reason": "oth-oerr"})).status_code == 200
    assert (await world.book(slot, "pat-3")).json()["lane"] == 0
    assert (await world.book(slot, "pat-4")).json()["lane"] == 2
    await assert_sound(world)


async def test_two_clinicians_share_one_room(world: World) -> None:
    slots = [offer(clinician=f"cln-{n}", room="room-shared") for n in range(8)]
    answers = await asyncio.gather(*(world.book(slots[n % 8], f"pat-{n:06}") for n in range(40)))
    assert Counter(answer.status_code for answer in answers) == {201: 1, 409: 39}
    await assert_sound(world)


async def test_a_patient_is_in_one_place_at_a_time(world: World) -> None:
    slots = [offer(START + timedelta(minutes=5 * (n % 3)), clinician=f"cln-{n}") for n in range(9)]
    answers = await asyncio.gather(*(world.book(slot, "pat-000001") for slot in slots))
    assert Counter(answer.status_code for answer in answers) == {201: 1, 409: 8}
    kinds = {answer.json()["type"] for answer in answers if answer.status_code == 409}
    assert kinds == {"urn:careslot:problem:patient-busy"}
    await assert_sound(world)


async def test_neighbouring_slots_do_not_touch(world: World) -> None:
    slots = [offer(START + timedelta(minutes=20 * n)) for n in range(3)]
    answers = [await world.book(slot, "pat-000001") for slot in slots]
    assert [answer.status_code for answer in answers] == [201, 201, 201]
    await assert_sound(world)


async def test_bookings_holds_moves_cancels_all_at_once(world: World) -> None:
    slots = [offer(START + timedelta(minutes=10 * n), minutes=20, depth=1 + n % 2) for n in range(12)]

    async def life(number: int) -> None:
        patient = f"pat-{number:06}"
        taken = await (world.hold if number % 2 else world.book)(slots[number % 12], patient)
        if taken.status_code == 201 and number % 2:
            taken = await world.do(taken.json(), "confirm")
        for step in range(3):
            if taken.status_code not in {200, 201}:
                assert taken.status_code == 409
                return
            moved = await world.move(taken.json(), slots[(number * 7 + step) % 12])
            assert moved.status_code in {200, 409}
            taken = moved if moved.status_code == 200 else taken
        if number % 3 == 0:
            assert (await world.do(taken.json(), "cancel", {"reason": "other"})).status_code == 200

    await asyncio.gather(*(life(number) for number in range(72)))
    await assert_sound(world)


async def test_commands_on_one_appointment_come_one_after_another(world: World) -> None:
    booked = (await world.book(offer())).json()
    commands = [
        world.do(booked, "check-in"),
        world.do(booked, "cancel", {"reason": "oth-oerr"}),
        world.move(booked, offer(START + timedelta(hours=1))),
        world.do(booked, "check-in"),
        world.do(booked, "cancel", {"reason": "other"}),
        world.move(booked, offer(START + timedelta(hours=2))),
    ]
    answers = await asyncio.gather(*commands)
    assert Counter(answer.status_code == 200 for answer in answers) == {True: 1, False: 5}
    assert {answer.status_code for answer in answers} <= {200, 409, 412}
    await assert_sound(world)
