"""Commands over HTTP and real PostgreSQL: what each does, refuses, stores and tells."""

from __future__ import annotations

from datetime import timedelta

from tests.services.booking.world import START, World, offer


async def test_book_tells_everything_in_one_commit(world: World) -> None:
    answer = await world.book(offer())
    assert answer.status_code == 201, answer.text
    body = answer.json()
    assert answer.headers["etag"] == '"1"'
    assert answer.headers["location"] == f"appointments/{body['id']}"
    assert (body["status"], body["lane"], body["starts_at"]) == ("booked", 0, "2027-01-04T15:00:00Z")
    kinds = {row["kind"] for row in await world.rows("SELECT kind FROM claim")}
    assert kinds == {"patient", "clinician", "room"}
    assert await world.events() == ["booking.appointment-booked.v1"]
    assert await world.value("SELECT count(*) FROM outbox WHERE channel = 'audit'") == 1
    history = await world.rows("SELECT action, from_status, to_status, actor_subject FROM status_history")
    assert [tuple(row) for row in history] == [("book", "", "booked", "sub-frontdesk")]


async def test_hold_confirm_move_cancel(world: World) -> None:
    held = (await world.hold(offer(), who="maria")).json()
    assert held["hold_expires_at"] == "2027-01-04T12:05:00Z"
    booked = (await world.do(held, "confirm", who="maria")).json()
    assert (booked["status"], booked["version"], booked["hold_expires_at"]) == ("booked", 2, None)
    moved = (await world.move(booked, offer(START + timedelta(hours=1)), who="maria")).json()
    assert (moved["id"], moved["version"], moved["starts_at"]) == (held["id"], 3, "2027-01-04T16:00:00Z")
    gone = (await world.do(moved, "cancel", {"reason": "pat"}, who="maria")).json()
    assert (gone["status"], gone["reason"]) == ("cancelled", "pat")
    assert await world.value("SELECT count(*) FROM claim") == 0
    assert await world.events() == [
        "booking.appointment-held.v1", "booking.appointment-booked.v1", "booking.appointment-moved.v1",
        "booking.appointment-cancelled.v1",
    ]  # fmt: skip
    assert (await world.book(offer(START + timedelta(hours=1)), "pat-000002")).status_code == 201
