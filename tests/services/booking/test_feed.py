"""The change feed: loses nothing under concurrent writers, keeps its order, resumes anywhere."""

from __future__ import annotations

import asyncio
import random
from datetime import timedelta
from typing import Any

from services.booking.adapters.feed import PostgresFeed
from services.booking.domain.feed import Cursor
from services.contracts.events import EVENTS
from tests.services.booking.world import NOW, START, World, offer


async def follow(world: World, cursor: str | None, limit: int = 7) -> tuple[list[dict[str, Any]], str]:
    """Read until the feed says there is no more."""
    seen: list[dict[str, Any]] = []
    while True:
        query = {"limit": str(limit), **({"after": cursor} if cursor else {})}
        page = (await world.client("feed").get("/changes", params=query)).json()
        seen += page["changes"]
        cursor = page["cursor"]
        if not page["more"]:
            return seen, cursor


async def test_nothing_is_lost_whatever_order_transactions_end_in(world: World) -> None:
    feed = PostgresFeed(world.database)
    appointment = (await world.book(offer())).json()["id"]
    written = 1
    insert = """
        INSERT INTO status_history (appointment_id, version, action, from_status, to_status, actor_subject, actor_roles,
            reason, at, correlation_id, facility_id, former_facility_id, event_type, event)
        VALUES ($1, $2, 'x', '', 'booked', 'x', '{}', '', $3, '', 'fac-0001', '', 'x', '{}')
    """
    chance = random.Random(7)
    seen: list[Cursor] = []
    done = asyncio.Event()

    async def read() -> None:
        cursor = Cursor(0, 0)
        while True:
            last_round = done.is_set()
            while found := await feed.after(cursor, 20):
                seen.extend(change.cursor for change in found)
                cursor = found[-1].cursor
            if last_round:
                return
            await asyncio.sleep(0.002)

    async def write(writer: int) -> None:
        nonlocal written
        for n in range(25):
            async with world.database.transaction() as connection:
                await connection.execute(insert, appointment, 10 + writer * 100 + n, NOW)
                # Long and short transactions interleave, so that ids commit out of order.
                await asyncio.sleep(chance.random() * 0.02)
            written += 1

    reader = asyncio.create_task(read())
    await asyncio.gather(*(write(writer) for writer in range(6)))
    done.set()
    await reader
    assert len(seen) == written == 151
    assert seen == sorted(set(seen))


async def test_changes_are_the_events(world: World) -> None:
    held = (await world.hold(offer())).json()
    booked = (await world.do(held, "confirm")).json()
    moved = (await world.move(booked, offer(START + timedelta(hours=1)))).json()
    await world.do(moved, "cancel", {"reason": "other"})
    changes, cursor = await follow(world, None, limit=1)
    outbox = await world.rows("SELECT type, data FROM outbox WHERE channel = 'bus' ORDER BY id")
    assert [(change["type"], change["data"]) for change in changes] == [(row["type"], row["data"]) for row in outbox]
    assert [change["action"] for change in changes] == ["hold", "confirm", "move", "cancel"]
    for change in changes:
        EVENTS[change["type"]].model_validate(change["data"])
    assert await follow(world, cursor) == ([], cursor)
    middle, _ = await follow(world, changes[1]["cursor"])
    assert middle == changes[2:]


async def test_the_head_is_a_cursor_before_what_is_still_running(world: World) -> None:
    await world.book(offer())
    async with world.database.transaction() as connection:
        await connection.execute("SELECT pg_current_xact_id()")
        head = (await world.client("feed").get("/changes?limit=0")).json()
        assert head["changes"] == []
        await world.book(offer(START + timedelta(hours=1)))
        # Committed, but younger than a transaction that still runs: not shown yet, and not skipped either.
        assert await follow(world, head["cursor"]) == ([], head["cursor"])
    changes, _ = await follow(world, head["cursor"])
    assert [change["data"]["starts_at"] for change in changes] == ["2027-01-04T16:00:00Z"]


async def test_only_pages_that_show_something_are_written_down(world: World) -> None:
    async def touches() -> int:
        query = "SELECT count(*) FROM outbox WHERE channel = 'audit' AND data ->> 'action' = 'read-changes'"
        count: int = await world.value(query)
        return count

    _, cursor = await follow(world, None)
    assert await touches() == 0
    await world.book(offer())
    await follow(world, cursor)
    assert await touches() == 1
    assert (await world.client("frontdesk").get("/changes")).status_code == 403
    assert await touches() == 2
