"""All or nothing: a transaction that dies leaves nothing, history stays as written, the tables refuse nonsense."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import asyncpg
import pytest

from tests.services.booking.invariants import assert_sound
from tests.services.booking.world import START, World, offer

# Stands for a crash at the last statement: everything before it was written, and must be gone.
DIE = """
CREATE FUNCTION die() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'planted'; END $$;
CREATE TRIGGER die BEFORE INSERT ON outbox FOR EACH ROW WHEN (new.channel = 'audit') EXECUTE FUNCTION die();
"""
TABLES = ("appointment", "claim", "status_history", "idempotency", "outbox")


async def counts(world: World) -> dict[str, int]:
    return {table: await world.value(f"SELECT count(*) FROM {table}") for table in TABLES}


async def test_a_command_that_fails_at_its_last_statement_leaves_nothing(world: World) -> None:
    booked = (await world.book(offer())).json()
    before = await counts(world)
    async with world.database.connection() as connection:
        await connection.execute(DIE)
    assert (await world.book(offer(START + timedelta(hours=1)), "pat-000002")).status_code == 500
    assert (await world.move(booked, offer(START + timedelta(hours=2)))).status_code == 500
    assert (await world.do(booked, "cancel", {"reason": "other"}, key="cancel-1")).status_code == 500
    assert await counts(world) == before
    async with world.database.connection() as connection:
        await connection.execute("DROP TRIGGER die ON outbox")
    assert (await world.do(booked, "cancel", {"reason": "other"}, key="cancel-1")).status_code == 200
    await assert_sound(world)


async def test_killed_sessions_leave_nothing_and_the_service_goes_on(world: World) -> None:
    slots = [offer(START + timedelta(minutes=20 * n)) for n in range(6)]

    async def kill() -> None:
        async with world.database.connection() as connection:
            for _ in range(5):
                await asyncio.sleep(0.02)
                await connection.execute(
                    """
                    SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                    WHERE datname = current_database() AND pid <> pg_backend_pid()
                    """
                )

    keys = {n: f"key-{n}" for n in range(90)}
    bookings = (world.book(slots[n % 6], f"pat-{n:06}", key=keys[n]) for n in range(90))
    answers = (await asyncio.gather(kill(), *bookings))[1:]
    assert {answer.status_code for answer in answers if answer} <= {201, 409, 503}
    repeated = await asyncio.gather(*(world.book(slots[n % 6], f"pat-{n:06}") for n in range(90)))
    assert {answer.status_code for answer in repeated} <= {201, 409}
    assert await world.value("SELECT count(*) FROM appointment") == 6
    await assert_sound(world)


async def test_history_cannot_be_rewritten(world: World) -> None:
    await world.book(offer())
    for change in (
        "UPDATE status_history SET actor_subject = 'x'",
        "DELETE FROM status_history",
        "TRUNCATE status_history",
    ):
        with pytest.raises(asyncpg.RestrictViolationError):
            await world.rows(change)
    assert await world.value("SELECT actor_subject FROM status_history") == "sub-frontdesk"


CLAIM = "INSERT INTO claim VALUES ($1, 'clinician', $2, 0, $3, $4::text::tstzrange, NULL)"


async def test_the_constraint_refuses_what_the_code_would_let_through(world: World) -> None:
    one = (await world.book(offer())).json()["id"]
    other = (await world.book(offer(START + timedelta(hours=3)), "pat-000002")).json()["id"]
    await world.rows(CLAIM, one, "x", 7, "[2027-02-01 10:00+00,2027-02-01 10:20+00)")
    await world.rows(CLAIM, other, "x", 7, "[2027-02-01 10:20+00,2027-02-01 10:40+00)")
    await world.rows(CLAIM, other, "y", 8, "[2027-02-01 10:00+00,2027-02-01 10:20+00)")
    # The same key under another name is a collision: refused, as it must be.
    with pytest.raises(asyncpg.ExclusionViolationError):
        await world.rows(CLAIM, other, "z", 7, "[2027-02-01 10:10+00,2027-02-01 10:15+00)")


async def test_claims_are_bounded_and_half_open(world: World) -> None:
    one = (await world.book(offer())).json()["id"]
    for key, period in (
        (7, "empty"),
        (7, "[2027-02-01 10:00+00,2027-02-01 10:20+00]"),
        (7, "(2027-02-01 10:00+00,2027-02-01 10:20+00)"),
        (7, "[2027-02-01 10:00+00,)"),
        (7, "[,2027-02-01 10:00+00)"),
        (-1, "[2027-02-01 10:00+00,2027-02-01 10:20+00)"),
        (2**63 - 1, "[2027-02-01 10:00+00,2027-02-01 10:20+00)"),
    ):
        with pytest.raises((asyncpg.CheckViolationError, asyncpg.NumericValueOutOfRangeError)):
            await world.rows(CLAIM, one, "x", key, period)


async def test_no_phi_reaches_the_idempotency_of_others(world: World) -> None:
    body = {"offer": world.token(offer()), "patient_id": "pat-000001"}
    await world.post("/appointments", body, key="key-1")
    stranger = await world.post("/appointments", body, key="key-1", who="callcenter")
    assert stranger.status_code == 409
    assert "pat-000001" not in stranger.text
