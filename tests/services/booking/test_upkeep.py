"""Upkeep: old answers, past claims and old blocks go, nothing younger; a failing round does not end the rounds."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from services.booking.adapters.upkeep import OVERDUE, purge, repeatedly
from services.booking.main import upkeep
from tests.services.booking.test_freed import free, wait_at
from tests.services.booking.world import START, World, offer
from tests.services.kernel.overdue import seconds_late

KEPT = timedelta(hours=48)
BLOCK = "INSERT INTO blocked_period VALUES ($1, 'clinician', 'cln-9', tstzrange($2, $3), $4)"


async def test_what_has_served_its_time_goes(world: World) -> None:
    await world.book(offer(), "pat-000001")
    late = offer(START + timedelta(days=3))
    await world.book(late, "pat-000002")
    await world.rows(BLOCK, "old", START - timedelta(days=40), START - timedelta(days=30), False)
    await world.rows(BLOCK, "young", START, START + timedelta(days=1), True)
    assert await purge(world.database, world.clock, KEPT) == {
        "idempotency": 0,
        "claim": 0,
        "capacity_session": 0,
        "blocked_period": 0,
    }
    world.clock.at += timedelta(hours=54)
    assert await purge(world.database, world.clock, KEPT) == {
        "idempotency": 2,
        "claim": 3,
        "capacity_session": 0,
        "blocked_period": 1,
    }
    assert (await world.book(late, "pat-000003")).status_code == 409


async def test_the_sweeper_runs_with_the_service_and_after_a_crash(world: World) -> None:
    await world.hold(offer())
    world.clock.at += timedelta(minutes=6)
    # Nothing ran when the hold expired: what is due is read from the table.
    async with upkeep(world.parts, world.due, world.database, world.clock, world.settings):
        async with asyncio.timeout(10):
            while await world.value("SELECT count(*) FROM claim"):
                await asyncio.sleep(0.02)
    assert await world.value("SELECT status FROM appointment") == "cancelled"


async def test_a_failing_round_is_followed_by_the_next() -> None:
    rounds = 0
    enough = asyncio.Event()

    async def work() -> None:
        nonlocal rounds
        rounds += 1
        if rounds == 3:
            enough.set()
        raise RuntimeError("planted")

    task = asyncio.create_task(repeatedly(0.001, "test", work))
    async with asyncio.timeout(10):
        await enough.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert rounds >= 3


async def test_how_late_the_sweeper_is_stands_in_the_database(world: World) -> None:
    holds, freed = OVERDUE
    assert await seconds_late(world.database, holds) is None
    assert await seconds_late(world.database, freed) is None
    await world.hold(offer())
    [(ends_at,)] = await world.rows("SELECT hold_expires_at FROM appointment")
    late = await seconds_late(world.database, holds)
    assert late == pytest.approx((datetime.now(UTC) - ends_at).total_seconds(), abs=3600)
    await wait_at(world)
    await free(world, offer(START + timedelta(days=3)), "pat-000002")
    assert await seconds_late(world.database, freed) is not None
    assert (holds.work, freed.work) == ("holds", "freed-slots")
