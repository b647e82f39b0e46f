"""Same key, same answer: repeated, at the same moment, after the offer has expired; a refusal may be tried again."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from tests.services.booking.invariants import assert_sound
from tests.services.booking.world import START, World, offer


async def test_repetitions_at_the_same_moment_get_one_answer(world: World) -> None:
    body = {"offer": world.token(offer()), "patient_id": "pat-000001"}
    await world.warm()
    answers = await asyncio.gather(*(world.post("/appointments", body, key="key-1") for _ in range(40)))
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.content for answer in answers}) == 1
    assert {answer.headers["etag"] for answer in answers} == {'"1"'}
    assert await world.value("SELECT count(*) FROM appointment") == 1
    await assert_sound(world)


async def test_repeated_changes_get_the_answer_of_the_first(world: World) -> None:
    held = (await world.hold(offer())).json()
    first = await world.do(held, "confirm", key="confirm-1")
    moved = await world.move(first.json(), offer(START + timedelta(hours=1)))
    again = await asyncio.gather(*(world.do(held, "confirm", key="confirm-1") for _ in range(5)))
    assert {answer.content for answer in again} == {first.content}
    assert {answer.status_code for answer in again} == {200}
    assert moved.json()["version"] == 3
    await assert_sound(world)


async def test_a_key_belongs_to_one_request_and_one_actor(world: World) -> None:
    slot = offer()
    first = await world.book(slot, key="key-1")
    other = await world.book(offer(START + timedelta(hours=1)), key="key-1")
    assert (other.status_code, other.json()["type"]) == (422, "urn:careslot:problem:idempotency-key-reused")
    command = await world.do(first.json(), "cancel", {"reason": "other"}, key="key-1")
    assert command.json()["type"] == "urn:careslot:problem:idempotency-key-reused"
    stranger = await world.book(offer(START + timedelta(hours=2)), key="key-1", who="callcenter")
    assert stranger.status_code == 201


async def test_a_missing_or_odd_key_is_refused(world: World) -> None:
    body = {"offer": world.token(offer()), "patient_id": "pat-000001"}
    missing = await world.client("frontdesk").post("/appointments", json=body)
    assert (missing.status_code, missing.json()["type"]) == (400, "urn:careslot:problem:idempotency-key-missing")
    odd = await world.post("/appointments", body, key="with space")
    assert odd.status_code == 422


async def test_the_answer_outlives_the_offer_and_the_slot(world: World) -> None:
    body = {"offer": world.token(offer()), "patient_id": "pat-000001"}
    first = await world.post("/appointments", body, key="key-1")
    world.clock.at += timedelta(hours=6)
    again = await world.post("/appointments", body, key="key-1")
    assert (again.status_code, again.content) == (201, first.content)
    fresh = await world.post("/appointments", body, key="key-2")
    assert (fresh.status_code, fresh.json()["type"]) == (409, "urn:careslot:problem:offer-expired")


async def test_a_repeated_move_outlives_its_offer(world: World) -> None:
    booked = (await world.book(offer())).json()
    body = {"offer": world.token(offer(START + timedelta(hours=1)))}
    path = f"/appointments/{booked['id']}/move"
    first = await world.post(path, body, key="move-1", version=1)
    world.clock.at += timedelta(hours=6)
    again = await world.post(path, body, key="move-1", version=1)
    assert (again.status_code, again.content) == (200, first.content)


async def test_a_refusal_is_not_kept(world: World) -> None:
    winner = (await world.book(offer(), "pat-000001")).json()
    token = world.token(offer())
    body = {"offer": token, "patient_id": "pat-000002"}
    assert (await world.post("/appointments", body, key="key-1")).status_code == 409
    assert (await world.do(winner, "cancel", {"reason": "other"})).status_code == 200
    assert (await world.post("/appointments", body, key="key-1")).status_code == 201


async def test_a_repetition_is_a_touch_and_needs_the_same_right(world: World) -> None:
    body = {"offer": world.token(offer()), "patient_id": "pat-000001"}
    await world.post("/appointments", body, key="key-1")
    await world.post("/appointments", body, key="key-1")
    assert await world.value("SELECT count(*) FROM outbox WHERE channel = 'audit'") == 2


@pytest.mark.parametrize("key", ['"quoted-key"', "a" * 255])
async def test_any_visible_key_will_do(world: World, key: str) -> None:
    assert (await world.book(offer(), key=key)).status_code == 201
