"""Visits booked together: all or none or what can be had, once, and cancelled from one on."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any
from uuid import uuid4

import httpx

from services.contracts.slot_offer import SlotOffer
from tests.services.booking.invariants import OVERLAPS
from tests.services.booking.world import START, FakeSlots, World, offer

WEEK = timedelta(days=7)


def weekly(count: int = 6, **how: Any) -> list[SlotOffer]:
    return [offer(START + n * WEEK, **how) for n in range(1, count + 1)]


async def together(
    world: World, slots: list[SlotOffer], patient: str = "pat-000001", policy: str = "all-or-nothing", **how: Any
) -> httpx.Response:
    body = {"patient_id": patient, "offers": [world.token(slot) for slot in slots], "policy": policy}
    return await world.post("/series", body, **how)


async def test_six_weeks_are_booked_at_once_and_shown_as_a_series(world: World) -> None:
    made = await together(world, weekly()[::-1], who="maria", key="once")
    assert made.status_code == 201, made.text
    series, appointments = made.json()["series_id"], made.json()["appointments"]
    assert [one["series_id"] for one in appointments] == [series] * 6
    assert appointments == sorted(appointments, key=lambda one: str(one["starts_at"]))
    assert (await world.client("maria").get(made.headers["location"])).json()["appointments"] == appointments
    listed = (await world.client("maria").get("/appointments?patient_id=pat-000001")).json()["appointments"]
    assert listed == appointments
    # Offers last half an hour, answers for days.
    body = {"patient_id": "pat-000001", "offers": [world.token(slot) for slot in weekly()[::-1]]}
    world.clock.at += timedelta(minutes=40)
    again = await world.post("/series", {**body, "policy": "all-or-nothing"}, who="maria", key="once")
    assert (again.status_code, again.json()) == (201, made.json())
    assert await world.value("SELECT count(*) FROM appointment") == 6
    other = await together(world, weekly(2, clinician="cln-00002"), who="maria", key="once")
    assert (other.status_code, other.json()["type"]) == (422, "urn:careslot:problem:idempotency-key-reused")
    assert (await world.client("jo").get(f"/series/{series}")).status_code == 403
    assert (await world.client("maria").get(f"/series/{uuid4()}")).status_code == 404


async def test_nothing_or_a_part_when_one_is_lost_with_what_is_open_near_it(world: World) -> None:
    slots = weekly(3)
    await world.book(slots[1], "pat-000009")
    near = offer(START + 2 * WEEK + timedelta(hours=1))
    assert isinstance(world.slots, FakeSlots)
    world.slots.slots = [near]
    refused = await together(world, slots)
    assert (refused.status_code, refused.json()["type"]) == (409, "urn:careslot:problem:series-incomplete")
    (missed,) = refused.json()["missed"]
    assert (missed["slot_id"], missed["reason"]) == (slots[1].slot_id, "slot-taken")
    assert [one["slot"]["slot_id"] for one in missed["alternatives"]] == [near.slot_id]
    assert await world.value("SELECT count(*) FROM appointment") == 1
    part = await together(world, slots, policy="partial")
    assert part.status_code == 201
    assert [one["slot_id"] for one in part.json()["appointments"]] == [slots[0].slot_id, slots[2].slot_id]
    assert [one["slot_id"] for one in part.json()["missed"]] == [slots[1].slot_id]
    none = await together(world, slots[1:2] + slots[:1], "pat-000003", policy="partial")
    assert (none.status_code, len(none.json()["missed"])) == (409, 2)


async def test_many_want_the_same_weeks_and_nobody_gets_half(world: World) -> None:
    patients = [f"pat-{n:06}" for n in range(1, 7)]
    answers = await asyncio.gather(*(together(world, weekly(4), patient) for patient in patients))
    assert sorted(answer.status_code for answer in answers) == [201, 409, 409, 409, 409, 409]
    assert await world.value("SELECT count(*) FROM appointment") == 4
    assert await world.value(OVERLAPS) == 0


async def test_the_same_key_at_the_same_time_books_one_series(world: World) -> None:
    body = {"patient_id": "pat-000001", "offers": [world.token(slot) for slot in weekly(3)]}
    answers = await asyncio.gather(*(world.post("/series", body, key="k") for _ in range(4)))
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.text for answer in answers}) == 1
    assert await world.value("SELECT count(*) FROM appointment") == 3


async def test_cancel_one_then_this_and_following_then_all(world: World) -> None:
    made = (await together(world, weekly(5))).json()
    series, visits = made["series_id"], made["appointments"]
    assert (await world.do(visits[0], "cancel", {"reason": "pat"})).status_code == 200
    rest = {"reason": "pat-mv", "from_appointment_id": visits[3]["id"]}
    for _ in range(2):
        answer = await world.post(f"/series/{series}/cancel", rest, key="rest")
        assert answer.status_code == 200
        assert [one["status"] for one in answer.json()["appointments"]] == ["cancelled", "cancelled"]
    moved = await world.move(visits[1], offer(START + WEEK + timedelta(hours=2)))
    assert (moved.status_code, moved.json()["series_id"]) == (200, series)
    every = await world.post(f"/series/{series}/cancel", {"reason": "pat"})
    assert {one["status"] for one in every.json()["appointments"]} == {"cancelled"}
    assert [one["reason"] for one in every.json()["appointments"]] == ["pat", "pat", "pat", "pat-mv", "pat-mv"]
    nothing = await world.post(f"/series/{series}/cancel", {"reason": "pat"})
    assert (nothing.status_code, nothing.json()["type"]) == (409, "urn:careslot:problem:nothing-to-cancel")
    assert await world.value("SELECT count(*) FROM claim") == 0
    strange = {"reason": "pat", "from_appointment_id": str(uuid4())}
    assert (await world.post(f"/series/{series}/cancel", strange)).status_code == 404


async def test_visits_that_overlap_are_no_series_and_strangers_book_none(world: World) -> None:
    twice = [offer(START + WEEK), offer(START + WEEK + timedelta(minutes=10), clinician="cln-00002")]
    answer = await together(world, twice)
    assert (answer.status_code, answer.json()["type"]) == (422, "urn:careslot:problem:series-overlaps")
    assert (await together(world, weekly(2), "pat-000002", who="maria")).status_code == 403
    made = (await together(world, weekly(2))).json()
    foreign = await world.post(f"/series/{made['series_id']}/cancel", {"reason": "pat"}, who="elsewhere")
    assert foreign.status_code == 403
