"""Clinician, room and interpreter are claimed together or not at all, and all of them are given back."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any
from uuid import UUID

import httpx

from services.booking.adapters.availability import AvailabilitySlots
from services.contracts.slot_offer import OfferedResource, SlotOffer
from services.kernel.resilience import Budget, Dependency
from tests.services.booking.invariants import assert_sound
from tests.services.booking.test_freed import take, wait_at
from tests.services.booking.world import NOW, START, FakeSlots, World, offer

LATER = START + timedelta(days=3)


def interpreted(clinician: str = "cln-00001", interpreter: str = "int-00001", **more: Any) -> SlotOffer:
    plain = offer(more.pop("start", LATER), clinician=clinician, **more)
    who = OfferedResource(kind="interpreter", id=interpreter, language="es")
    return plain.model_copy(update={"resources": (*plain.resources, who)})


async def claims(world: World, holder: str = "appointment_id") -> list[tuple[str, str]]:
    query = f"SELECT kind, resource_id FROM claim WHERE {holder} IS NOT NULL ORDER BY kind, resource_id"
    return [(row["kind"], row["resource_id"]) for row in await world.rows(query)]


async def test_all_of_it_is_claimed_told_and_shown(world: World) -> None:
    booked = await world.book(interpreted())
    assert (booked.status_code, booked.json()["interpreter"]) == (201, "es")
    assert await claims(world) == [
        ("clinician", "cln-00001"), ("interpreter", "int-00001"), ("patient", "pat-000001"),
        ("room", "room-cln-00001"),
    ]  # fmt: skip
    told = await world.value("SELECT data FROM outbox WHERE channel = 'bus'")
    assert (told["interpreter_id"], told["room_id"]) == ("int-00001", "room-cln-00001")
    assert "language" not in str(told) and "'es'" not in str(told), "whoever keeps their time needs no language"
    assert (await world.client("maria").get(f"/appointments/{booked.json()['id']}")).json()["interpreter"] == "es"


async def test_without_the_interpreter_nothing_is_claimed_and_others_are_offered(world: World) -> None:
    assert isinstance(world.slots, FakeSlots)
    await world.book(interpreted("cln-00001"))
    # At the same time with another interpreter is best; the lost one is left out.
    second = interpreted("cln-00002", "int-00002")
    world.slots.slots = [interpreted("cln-00002"), second, interpreted("cln-00002", start=LATER + timedelta(hours=1))]
    lost = await world.book(interpreted("cln-00002"), "pat-000002")
    assert (lost.status_code, lost.json()["type"].rpartition(":")[2]) == (409, "slot-taken")
    assert len(await claims(world)) == 4, "neither the clinician nor the room, which were free"
    shown = [one["slot"] for one in lost.json()["alternatives"]]
    assert [(one["starts_at"], one["resources"][-1]["id"]) for one in shown] == [
        (f"{LATER:%Y-%m-%dT%H:%M:%SZ}", "int-00002"), (f"{LATER + timedelta(hours=1):%Y-%m-%dT%H:%M:%SZ}", "int-00001"),
    ]  # fmt: skip
    assert (await world.book(second, "pat-000002")).status_code == 201
    await assert_sound(world)


async def test_of_many_who_want_one_interpreter_one_has_them_and_all_else_is_free(world: World) -> None:
    await world.warm()
    clinicians = [f"cln-{n:05}" for n in range(1, 13)]
    wanted = [world.book(interpreted(one), f"pat-{n:06}") for n, one in enumerate(clinicians)]
    answers = await asyncio.gather(*wanted)
    assert sorted(answer.status_code for answer in answers) == [201] + [409] * 11
    assert len(await claims(world)) == 4
    await assert_sound(world)


async def test_moving_and_cancelling_give_everything_back(world: World) -> None:
    booked = (await world.book(interpreted())).json()
    moved = await world.move(booked, interpreted("cln-00002", "int-00002", start=LATER + timedelta(minutes=10)))
    assert moved.status_code == 200
    assert ("interpreter", "int-00002") in await claims(world) and ("interpreter", "int-00001") not in await claims(
        world
    )
    assert (await world.book(interpreted(), "pat-000002")).status_code == 201
    assert (await world.do(moved.json(), "cancel", {"reason": "pat"})).status_code == 200
    assert len(await claims(world)) == 4
    plain = await world.move((await world.book(interpreted("cln-00003", "int-00003"), "pat-000003")).json(), offer(
        LATER + timedelta(hours=1), clinician="cln-00003"))  # fmt: skip
    assert plain.json()["interpreter"] == "" and ("interpreter", "int-00003") not in await claims(world)
    await assert_sound(world)


async def freed_of(world: World) -> UUID:
    await wait_at(world)
    booked = (await world.book(interpreted())).json()
    await world.do(booked, "cancel", {"reason": "pat"})
    assert ("interpreter", "int-00001") in await claims(world, "freed_id"), "kept together for those who wait"
    told = await world.value("SELECT data FROM outbox WHERE type = 'booking.slot-freed.v1'")
    assert {"kind": "interpreter", "id": "int-00001", "depth": 1, "language": "es"} in told["resources"]
    freed: UUID = await world.value("SELECT id FROM freed_slot")
    return freed


async def test_a_freed_slot_is_taken_with_its_interpreter(world: World) -> None:
    taken = await take(world, await freed_of(world), interpreted())
    assert (taken.status_code, taken.json()["interpreter"]) == (201, "es")
    assert ("interpreter", "int-00001") in await claims(world)
    await assert_sound(world)


async def test_who_needs_none_takes_a_freed_slot_without_and_the_interpreter_is_free(world: World) -> None:
    taken = await take(world, await freed_of(world), offer(LATER))
    assert (taken.status_code, taken.json()["interpreter"]) == (201, "")
    assert "interpreter" not in {kind for kind, _ in await claims(world)}
    assert (await world.book(interpreted("cln-00002"), "pat-000002")).status_code == 201
    await assert_sound(world)


async def test_alternatives_are_searched_with_the_language() -> None:
    asked: list[httpx.QueryParams] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request.url.params)
        return httpx.Response(200, json={"slots": []})

    async with httpx.AsyncClient(transport=httpx.MockTransport(answer)) as http:
        slots = AvailabilitySlots(
            http, "http://availability", Dependency("availability", Budget(timeout=3.0, attempts=1))
        )
        await slots.near(interpreted(), NOW, "Bearer x")
        await slots.near(offer(), NOW, "Bearer x")
    assert [params.get("interpreter") for params in asked] == ["es", "es", None, None]
