"""An index is kept beside a service: it follows what others commit, keeps to its bounds, and gives way to SQL."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from prometheus_client import REGISTRY

from services.availability.adapters.memory.axis import Outgrown
from services.availability.adapters.memory.building import TooLarge, build
from services.availability.adapters.memory.following import Follower, IndexKeeper
from services.availability.adapters.memory.index import SearchIndex
from services.availability.adapters.memory.querying import first
from services.availability.adapters.memory_lookups import IndexLookups, lookups
from services.availability.adapters.memory_search import MemorySlotSearch
from services.availability.adapters.postgres import unit_of_work
from services.availability.adapters.postgres_search import PostgresSlotSearch
from services.availability.domain.places import box_around
from services.availability.domain.sessions import Period
from services.availability.domain.slots import SlotQuery
from services.availability.ports import Appointment
from services.kernel.clock import FixedClock
from services.kernel.database import Database
from services.kernel.errors import Unavailable
from tests.services.availability.bench import NOW, on_postgres
from tests.services.availability.places import BOSTON, FLORES, FOLLOW_UP, SAME_DAY, SHAH, template

ROOMY = 2**30


@asynccontextmanager
async def kept(database: Database, most_bytes: int = ROOMY) -> AsyncIterator[IndexKeeper]:
    """Run a keeper of an index."""
    keeper = IndexKeeper(database, FixedClock(NOW), most_bytes)
    running = asyncio.create_task(keeper.run())
    try:
        yield keeper
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def ready(keeper: IndexKeeper) -> SearchIndex:
    """Wait until the keeper has an index."""
    async with asyncio.timeout(20):
        while isinstance(current := keeper.current(), str):
            await asyncio.sleep(0.01)
    return current


def answered(path: str, reason: str = "") -> float:
    """Return how many searches took the path."""
    return REGISTRY.get_sample_value("careslot_slot_searches_total", {"path": path, "reason": reason}) or 0.0


QUERY = SlotQuery("family-medicine", FOLLOW_UP.visit_type, 20, NOW, NOW + timedelta(days=7))


async def test_a_booking_of_another_process_is_seen_and_so_is_what_commits_late(opened: Database) -> None:
    bench = on_postgres(opened)
    await bench.know()
    await bench.give(template())
    slots = await PostgresSlotSearch(opened).first(QUERY, 3, NOW)
    async with kept(opened) as keeper:
        index = await ready(keeper)

        def starts() -> set[datetime]:
            return {slot.starts_at for slot in first(index, QUERY, 3, NOW)}

        async def seen(number: int) -> None:
            async with asyncio.timeout(5):
                while slots[number].starts_at in starts():
                    await asyncio.sleep(0.01)

        def taken(number: int) -> Appointment:
            slot = slots[number]
            period = Period(slot.starts_at, slot.ends_at)
            return Appointment(f"b{number}", 1, slot.clinician_id, slot.facility_id, period, 0, live=True)

        # The transaction that began first commits last: a cursor over ids alone would have passed it.
        async with unit_of_work(opened)() as late:
            await late.put_appointments([taken(1)])
            async with unit_of_work(opened)() as early:
                await early.put_appointments([taken(0)])
            await seen(0)
            assert slots[1].starts_at in starts(), "it is not committed yet"
        await seen(1)


async def test_sql_answers_whatever_memory_cannot(opened: Database) -> None:
    bench = on_postgres(opened)
    await bench.know()
    await bench.give(template())
    sql = PostgresSlotSearch(opened)
    expected = list(await sql.first(QUERY, 20, NOW))
    paths = [("sql", "building"), ("memory", ""), ("sql", "large"), ("sql", "failed"), ("sql", "before-index")]
    async with kept(opened) as keeper:
        search = MemorySlotSearch(keeper, sql)
        before = [answered(*path) for path in paths]
        assert list(await search.first(QUERY, 20, NOW)) == expected
        with pytest.raises(Unavailable):
            await keeper.check()
        index = await ready(keeper)
        await keeper.check()
        assert list(await search.first(QUERY, 20, NOW)) == expected
        assert len(await search.first(QUERY, 1000, NOW)) > 20
        old = replace(QUERY, starts_at=NOW - timedelta(days=30))
        assert list(await search.first(old, 5, NOW)) == list(await sql.first(old, 5, NOW))
        index.specialties["family-medicine"].rooms.clear()
        assert list(await search.first(QUERY, 20, NOW)) == expected, "a fault in memory is nobody's error"
        assert [answered(*path) - then for path, then in zip(paths, before, strict=True)] == [1, 1, 1, 1, 1]


async def test_an_index_keeps_to_its_memory_and_to_its_days(opened: Database) -> None:
    bench = on_postgres(opened)
    await bench.know()
    await bench.give(template())
    with pytest.raises(TooLarge):
        await build(opened, NOW, 1000)
    async with kept(opened, 1000) as keeper, asyncio.timeout(20):
        while keeper.current() != "too-large":
            await asyncio.sleep(0.01)
    built = await build(opened, NOW, ROOMY)
    follower = Follower(built.index, built.cursor, set())
    async with opened.transaction() as connection:
        await connection.execute(
            "UPDATE working_session SET starts_at = starts_at + interval '80 days', ends_at = ends_at + interval '80 d'"
        )
    async with opened.connection() as connection:
        with pytest.raises(Outgrown):
            await follower.catch_up(connection)


async def test_what_is_looked_up_in_memory_is_what_the_database_says(opened: Database) -> None:
    bench = on_postgres(opened)
    await bench.know()
    await bench.give(template())
    opens = NOW + timedelta(hours=9, microseconds=7)
    place = FLORES.clinician_id, NOW + timedelta(days=1, hours=1)
    async with opened.transaction() as connection:
        await connection.execute(
            """
            INSERT INTO busy (appointment_id, version, clinician_id, facility_id, room_id, starts_at, ends_at, lane,
                live, expires_at, reserved_day) VALUES ('r', 0, $1, 'fac-0001', '', $2, $3, 0, true, $4, '2027-01-05')
            """,
            *place, place[1] + timedelta(minutes=20), opens,
        )  # fmt: skip
    async with kept(opened) as keeper:
        await ready(keeper)
        async with lookups(keeper, bench.transaction)() as memory, bench.transaction() as store:
            assert isinstance(memory, IndexLookups)
            box = box_around(BOSTON.place, 80)
            told = {one.facility_id for one in await store.facilities_in(box)}
            assert {one.facility_id for one in await memory.facilities_in(box)} == told == {"fac-0001", "fac-0002"}
            assert await memory.facilities(["fac-0003", "x"]) == await store.facilities(["fac-0003", "x"])
            assert await memory.clinicians([SHAH.clinician_id]) == await store.clinicians([SHAH.clinician_id])
            assert await memory.visit_type(SAME_DAY.visit_type) == SAME_DAY
            assert await memory.visit_type("none") is None
            assert len(await memory.visit_types_of("family-medicine")) == 3
            places = [place, (place[0], NOW), ("cln-unknown", NOW)]
            assert await memory.reserve_of(places) == await store.reserve_of(places) == {place: opens}
