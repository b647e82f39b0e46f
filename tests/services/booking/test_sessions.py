"""Sessions with places: as many visits as places, each given back when it ends, and nobody treated beside them."""

from __future__ import annotations

import asyncio
from collections import Counter
from datetime import timedelta

from services.booking.adapters.upkeep import purge
from tests.services.booking.invariants import assert_sound
from tests.services.booking.world import START, World, offer, world_over

TAKEN = "SELECT count(*) FROM session_place WHERE appointment_id IS NOT NULL"


async def test_as_many_as_places_win_whoever_serves_them(world: World) -> None:
    clinic = offer(capacity=30, minutes=60)
    async with world_over(world.dsn) as other:
        worlds = (world, other)
        answers = await asyncio.gather(*(worlds[n % 2].book(clinic, f"pat-{n:06}") for n in range(80)))
    assert Counter(answer.status_code for answer in answers) == {201: 30, 409: 50}
    assert {a.json()["type"] for a in answers if a.status_code == 409} == {"urn:careslot:problem:slot-taken"}
    assert await world.value(TAKEN) == 30
    assert await world.value("SELECT count(DISTINCT unit) FROM session_place") == 30
    await assert_sound(world)


async def test_a_place_given_back_is_taken_again(world: World) -> None:
    clinic = offer(capacity=2)
    first, second = [(await world.book(clinic, f"pat-{n}")).json() for n in range(2)]
    assert (await world.book(clinic, "pat-2")).status_code == 409
    assert (await world.do(first, "cancel", {"reason": "pat"})).status_code == 200
    assert (await world.book(clinic, "pat-2")).status_code == 201
    later = offer(START + timedelta(hours=3))
    assert (await world.move(second, later)).status_code == 200
    assert (await world.book(clinic, "pat-3")).status_code == 201
    assert await world.value(TAKEN) == 2
    assert await world.value("SELECT count(*) FROM freed_slot") == 0
    await assert_sound(world)


async def test_a_visit_moves_into_a_session_that_has_a_place(world: World) -> None:
    clinic = offer(START + timedelta(hours=2), capacity=1)
    one, two = [(await world.book(offer(START, clinician=f"cln-{n}"), f"pat-{n}")).json() for n in range(2)]
    assert (await world.move(one, clinic)).status_code == 200
    assert (await world.move(two, clinic)).status_code == 409
    assert await world.value(TAKEN) == 1
    await assert_sound(world)


async def test_a_hold_that_runs_out_gives_its_place_back(world: World) -> None:
    clinic = offer(capacity=1)
    assert (await world.hold(clinic, "pat-0")).status_code == 201
    assert (await world.book(clinic, "pat-1")).status_code == 409
    world.clock.at += timedelta(minutes=6)
    assert await world.register.end_expired(world.clock.now(), 10) == 1
    assert (await world.book(clinic, "pat-1")).status_code == 201
    await assert_sound(world)


async def test_nobody_is_treated_beside_a_session(world: World) -> None:
    clinic = offer(capacity=5, minutes=60)
    beside = offer(START + timedelta(minutes=20))
    assert (await world.book(clinic, "pat-0")).status_code == 201
    assert (await world.book(beside, "pat-1")).status_code == 409
    other = offer(START, clinician="cln-2")
    assert (await world.book(other, "pat-2")).status_code == 201
    late = offer(START, minutes=60, clinician="cln-2", capacity=5)
    assert (await world.book(late, "pat-3")).status_code == 409
    assert await world.value("SELECT count(*) FROM capacity_session") == 1
    await assert_sound(world)


async def test_a_session_keeps_every_lane_of_its_clinician_and_room(world: World) -> None:
    """The template was one with two lanes before: its offers are still about, in a booking as in a room next door."""
    clinic, late = offer(capacity=5, minutes=60), offer(START + timedelta(minutes=20), depth=2)
    assert (await world.book(clinic, "pat-0")).status_code == 201
    assert (await world.book(late, "pat-1")).status_code == 409
    neighbour = offer(clinician="cln-2", room="room-cln-00001", depth=2)
    assert (await world.book(neighbour, "pat-2")).status_code == 409
    await assert_sound(world)


async def test_no_session_opens_beside_a_second_lane(world: World) -> None:
    both = offer(clinician="cln-2", depth=2)
    first, _ = [(await world.book(both, f"pat-{n}")).json() for n in range(2)]
    assert (await world.do(first, "cancel", {"reason": "pat"})).status_code == 200
    refused = await world.book(offer(clinician="cln-2", capacity=5), "pat-5")
    assert (refused.status_code, refused.json()["type"]) == (409, "urn:careslot:problem:slot-taken")
    await assert_sound(world)


async def test_a_session_that_moves_to_another_room_keeps_that_too(world: World) -> None:
    """A template that names another room does not make it another session: its id is made of clinician and time."""
    assert (await world.book(offer(capacity=3, room="room-a"), "pat-0")).status_code == 201
    assert (await world.book(offer(clinician="cln-2", room="room-b"), "pat-1")).status_code == 201
    refused = await world.book(offer(capacity=3, room="room-b"), "pat-2")
    assert (refused.status_code, refused.json()["type"]) == (409, "urn:careslot:problem:slot-taken")
    assert (await world.book(offer(capacity=3, room="room-c"), "pat-2")).status_code == 201
    assert (await world.book(offer(clinician="cln-3", room="room-c"), "pat-3")).status_code == 409
    assert (await world.book(offer(capacity=2, room="room-d"), "pat-4")).status_code == 409, "full in any room"
    assert (await world.book(offer(clinician="cln-4", room="room-d"), "pat-4")).status_code == 201
    assert await world.value(TAKEN) == 2
    await assert_sound(world)


async def test_an_empty_session_stands_in_nobodys_way(world: World) -> None:
    """The template is one of single slots again, or of other sessions: what nobody has a place in is closed."""
    clinic, single, longer = offer(capacity=3, minutes=60), offer(), offer(capacity=2, minutes=40)
    first = (await world.book(clinic, "pat-0")).json()
    assert (await world.book(single, "pat-1")).status_code == 409
    assert (await world.book(longer, "pat-1")).status_code == 409
    assert (await world.do(first, "cancel", {"reason": "pat"})).status_code == 200
    second = (await world.book(longer, "pat-1")).json()
    assert (await world.book(clinic, "pat-0")).status_code == 409
    assert (await world.move(second, offer(START + timedelta(hours=3)))).status_code == 200
    assert (await world.book(single, "pat-2")).status_code == 201
    assert await world.value("SELECT count(*) FROM capacity_session") == 0
    await assert_sound(world)


async def test_who_takes_a_place_and_who_closes_the_session_do_not_both_win(world: World) -> None:
    clinic, single = offer(capacity=3, minutes=60), offer(START + timedelta(minutes=20))
    for n in range(12):
        made = (await world.book(clinic, f"pat-{n}")).json()
        assert (await world.do(made, "cancel", {"reason": "pat"})).status_code == 200
        async with world_over(world.dsn) as other:
            inside, beside = await asyncio.gather(world.book(clinic, "pat-in"), other.book(single, "pat-out"))
        assert {inside.status_code, beside.status_code} == {201, 409}
        await assert_sound(world)
        [won] = [answer.json() for answer in (inside, beside) if answer.status_code == 201]
        assert (await world.do(won, "cancel", {"reason": "pat"})).status_code == 200


async def test_a_patient_has_one_place_and_a_repetition_the_same(world: World) -> None:
    clinic = offer(capacity=5)
    first = await world.book(clinic, "pat-0", key="once")
    again = await world.book(clinic, "pat-0", key="once")
    assert (first.status_code, again.content) == (201, first.content)
    busy = await world.book(clinic, "pat-0")
    assert (busy.status_code, busy.json()["type"]) == (409, "urn:careslot:problem:patient-busy")
    assert await world.value(TAKEN) == 1


async def test_a_raised_capacity_adds_places_and_a_lowered_one_offers_fewer(world: World) -> None:
    assert (await world.book(offer(capacity=1), "pat-0")).status_code == 201
    assert (await world.book(offer(capacity=1), "pat-1")).status_code == 409
    assert (await world.book(offer(capacity=3), "pat-1")).status_code == 201
    assert (await world.book(offer(capacity=2), "pat-2")).status_code == 409
    assert (await world.book(offer(capacity=3), "pat-2")).status_code == 201


async def test_sessions_of_the_past_are_forgotten(world: World) -> None:
    made = (await world.book(offer(capacity=2), "pat-0")).json()
    world.clock.at += timedelta(days=3)
    done = await purge(world.database, world.clock, timedelta(hours=48))
    assert (done["capacity_session"], done["claim"]) == (1, 1)
    assert await world.value("SELECT count(*) FROM claim") == 0
    assert await world.value("SELECT id FROM appointment") is not None
    assert made["lane"] == 0


async def test_an_interpreter_is_the_visits_own_not_the_sessions(world: World) -> None:
    """Two of a clinic may not have one interpreter at once; who needs none is not kept out by it."""
    spoken = offer(capacity=5, interpreter="int-1")
    assert (await world.book(spoken, "pat-0")).status_code == 201
    assert (await world.book(spoken, "pat-1")).status_code == 409
    assert (await world.book(offer(capacity=5), "pat-1")).status_code == 201
    assert (await world.book(offer(capacity=5, interpreter="int-2"), "pat-2")).status_code == 201
    assert await world.value("SELECT count(*) FROM claim WHERE kind = 'interpreter' AND session_id IS NULL") == 2
    assert await world.value(TAKEN) == 3
    await assert_sound(world)
