"""Creations in one statement: who loses to another process is taken out, and the others are written all the same."""

from __future__ import annotations

import asyncio
from collections import Counter
from datetime import timedelta

from services.booking.api.models import AppointmentView
from tests.services.booking.invariants import assert_sound
from tests.services.booking.world import START, World, offer, world_over


async def test_two_processes_race_and_nobody_beside_them_loses_anything(world: World) -> None:
    await world.warm()
    hot = offer()
    free = [offer(START, clinician=f"cln-{n}") for n in range(40)]
    async with world_over(world.dsn) as other:
        await other.warm()
        both = (world, other)
        fights = [both[n % 2].book(hot, f"pat-hot-{n}") for n in range(40)]
        beside = [both[n % 2].book(slot, f"pat-{n}") for n, slot in enumerate(free)]
        mixed = [request for pair in zip(fights, beside, strict=True) for request in pair]
        answers = await asyncio.gather(*mixed)
    assert Counter(answer.status_code for answer in answers[::2]) == {201: 1, 409: 39}
    assert Counter(answer.status_code for answer in answers[1::2]) == {201: 40}
    assert await world.value("SELECT count(*) FROM idempotency") == 41
    await assert_sound(world)


async def test_one_statement_takes_many_and_each_keeps_its_own_trace(world: World) -> None:
    slots = [offer(START + timedelta(minutes=20 * n)) for n in range(30)]
    answers = await asyncio.gather(*(world.book(slot, f"pat-{n}") for n, slot in enumerate(slots)))
    assert {answer.status_code for answer in answers} == {201}
    transactions = await world.value("SELECT count(DISTINCT xid) FROM status_history")
    assert transactions < 30
    traced = await world.value(
        """
        SELECT count(DISTINCT correlation_id) FROM status_history AS h
        WHERE correlation_id <> '' AND 2 = (SELECT count(*) FROM outbox AS o WHERE o.correlation_id = h.correlation_id)
        """
    )
    assert traced == 30
    await assert_sound(world)


async def test_the_straight_way_answers_as_the_contract_says(world: World) -> None:
    """What goes past FastAPI's own validation still is what it describes, member by member and in its order."""
    straight = await world.book(offer())
    body = straight.json()
    assert body == AppointmentView.model_validate(body).model_dump(mode="json")
    assert list(body) == list(AppointmentView.model_fields)
    assert straight.headers["content-type"] == "application/json"
    # The same request with a charset goes FastAPI's way.
    content = {"offer": world.token(offer(START + timedelta(hours=1))), "patient_id": "pat-000001"}
    headers = {"idempotency-key": "k", "content-type": "application/json; charset=utf-8"}
    plain = await world.client("frontdesk").post("/appointments", json=content, headers=headers)
    assert plain.status_code == 201
    assert list(plain.json()) == list(body)
    assert set(plain.headers) == set(straight.headers)


async def test_what_is_odd_is_refused_by_fastapi_in_its_words(world: World) -> None:
    client = world.client("frontdesk")
    body = {"offer": world.token(offer()), "patient_id": "pat-000001"}
    bad = await client.post("/appointments", json={**body, "patient_id": "no/id", "more": 1}, headers=key("k"))
    assert (bad.status_code, {error["where"] for error in bad.json()["errors"]}) == (
        422, {"body/patient_id", "body/more"},
    )  # fmt: skip
    assert (await client.post("/appointments", json=body)).status_code == 400
    assert (await client.post("/appointments", json=body, headers=key("with space"))).status_code == 422
    broken = await client.post("/holds", content=b"{", headers={**key("k"), "content-type": "application/json"})
    assert (broken.status_code, broken.json()["type"]) == (400, "urn:careslot:problem:malformed")
    stranger = await world.client("nobody").post("/appointments", json=body, headers=key("k"))
    assert stranger.status_code == 401
    assert await world.value("SELECT count(*) FROM appointment") == 0


def key(value: str) -> dict[str, str]:
    """Return the header."""
    return {"idempotency-key": value}
