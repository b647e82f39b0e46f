"""Search in memory gives SQL's answers: after building, after every kind of change, and by whichever clock is asked."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
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
from services.availability.domain.directory import Facility
from services.availability.domain.places import Place, box_around
from services.availability.domain.sessions import Period
from services.availability.domain.slots import SlotQuery
from services.availability.domain.templates import WEEK
from services.availability.ports import Appointment
from services.availability.usecases.absences import Span
from services.kernel.clock import FixedClock
from services.kernel.database import Database
from services.kernel.errors import Unavailable
from tests.services.availability.bench import NOW, Bench, gate, on_postgres
from tests.services.availability.places import BOSTON, DENVER, FLORES, FOLLOW_UP, SAME_DAY, SHAH, WORCESTER, template

ROOMY = 2**30
# Clocks change at midnight in Havana; hours begin at odd minutes on Lord Howe, by half an hour.
HAVANA = Facility("fac-0004", 1, "Havana", Place(23.1, -82.4), "America/Havana")
SPRING, AUTUMN = datetime(2027, 3, 11, 9, 7, 3, 250_000, tzinfo=UTC), datetime(2027, 11, 4, tzinfo=UTC)
STAFF = (replace(FLORES, facility_ids=("fac-0001", "fac-0004")), SHAH)
PLACES = [(STAFF[0], BOSTON), (STAFF[0], HAVANA), (SHAH, WORCESTER), (SHAH, DENVER)]
TABLES = "facility, clinician, visit_type, schedule, template, visit_length, leave, closure, working_session, busy"


def a_template(dice: Random, number: int) -> Any:
    clinician, facility = dice.choice(PLACES)
    return template(
        clinician,
        facility,
        f"t{number}",
        room_id=dice.choice(["", "", "room-1", "room-2"]),
        weekdays=frozenset(dice.sample(WEEK, dice.randint(2, 7))),
        starts=time(dice.randrange(24), dice.choice([0, 10, 30, 33])),
        ends=time(dice.randrange(24), dice.choice([0, 20, 45, 2])),
        grid_minutes=dice.choice([7, 10, 15, 20, 25, 60]),
        depth=dice.choice([1, 1, 2, 3]),
        visit_types=frozenset(dice.choice([(), (), (SAME_DAY.visit_type,), (FOLLOW_UP.visit_type,)])),
        observes_holidays=False,
    )


def an_appointment(dice: Random, begins: datetime, number: int, version: int = 1) -> Appointment:
    start = begins.replace(second=0, microsecond=0, minute=0)
    start += timedelta(minutes=dice.choice([5, 5, 1]) * dice.randrange(12 * 24 * 6))
    clinician, facility = dice.choice(PLACES)
    return Appointment(
        f"a{number}", version, clinician.clinician_id, facility.facility_id,
        Period(start, start + timedelta(minutes=dice.choice([15, 17, 20, 45, 90, 470]))), dice.choice([0, 0, 0, 1, 2]),
        live=dice.random() < 0.85,
        expires_at=dice.choice([None, None, begins, begins + timedelta(seconds=1), begins + timedelta(hours=30)]),
    )  # fmt: skip


def a_query(dice: Random, begins: datetime) -> SlotQuery:
    starts = begins + timedelta(minutes=dice.choice([0, 0, 61, 3000, 7001]))
    places = [one.facility_id for one in (BOSTON, WORCESTER, DENVER, HAVANA)]
    near: dict[str, float | None] = {
        name: dice.choice([1.0, 1.0, 3.5]) for name in dice.sample(places, dice.randint(1, 4))
    }
    near_by_nobody: dict[str, float | None] = dict.fromkeys(near)
    day = starts.date()
    kind = dice.choice([FOLLOW_UP, SAME_DAY])
    return SlotQuery(
        "family-medicine", kind.visit_type, dice.choice([15, 20, 33, 50, 340]), starts,
        starts + timedelta(days=dice.choice([1, 6, 14]), microseconds=dice.choice([0, 1])),
        first_day=dice.choice([None, None, day, day + timedelta(days=2)]),
        last_day=dice.choice([None, None, day + timedelta(days=3), day + timedelta(days=9)]),
        distances=dice.choice([None, near, near, near_by_nobody, {}]),
        clinician_ids=dice.choice([(), (), (FLORES.clinician_id, "cln-unknown")]),
        language=dice.choice(["", "", "es", "fr"]), urgent=dice.random() < 0.3,
    )  # fmt: skip


async def begin(bench: Bench, database: Database, begins: datetime) -> None:
    """Start with an empty database at a time."""
    async with database.connection() as connection:
        await connection.execute(f"TRUNCATE {TABLES}")
    bench.clock.at = begins
    await bench.know(facilities=(BOSTON, WORCESTER, DENVER, HAVANA), clinicians=STAFF)


async def disturb(dice: Random, bench: Bench, database: Database, begins: datetime) -> None:
    """Change something of every kind: appointments, lengths, leave, templates, layers, reserved places, records."""
    async with bench.transaction() as store:
        for number in range(60):
            await store.put_appointment(an_appointment(dice, begins, dice.randrange(90), number + 2))
        for clinician in STAFF:
            minutes = dice.choice([None, 17, 25, 40, 300])
            await store.set_visit_length(clinician.clinician_id, FOLLOW_UP.visit_type, minutes)
        number = dice.randint(2, 10**6)
        await store.put_clinician(replace(SHAH, version=number, languages=dice.choice([("en",), ("fr", "es")])))
        await store.put_facility(replace(HAVANA, version=number, name=f"Havana {number}"))
    await bench.give(a_template(dice, dice.randrange(5)))
    if dice.random() < 0.5:
        day = (begins + timedelta(days=dice.randrange(5))).date()
        await bench.leave.record(dice.choice(STAFF).clinician_id, Span(day, day), gate("manage-leave"))
    async with database.transaction() as connection:
        # As adaptive slotting writes them: parts of sessions with more lanes, places kept for urgent visits.
        await connection.execute("""
            INSERT INTO working_session SELECT clinician_id, starts_at, template_id, least(ends_at,
                starts_at + interval '50 minutes'), anchor_at, day, facility_id, room_id, specialty, grid_minutes,
                depth + 1, visit_types, depth + 1
            FROM working_session WHERE layer = 0 AND random() < 0.2 ON CONFLICT DO NOTHING
        """)
        await connection.execute("DELETE FROM working_session WHERE layer > 0 AND random() < 0.1")
        await connection.execute(
            """
            INSERT INTO busy (appointment_id, version, clinician_id, facility_id, room_id, starts_at, ends_at, lane,
                live, expires_at, reserved_day)
            SELECT gen_random_uuid()::text, 0, clinician_id, facility_id, '', starts_at, starts_at + interval '40 min',
                0, true, $1::timestamptz + random() * interval '3 days', day
            FROM working_session WHERE random() < 0.1
            """,
            begins,
        )


async def compare(dice: Random, database: Database, follower: Follower, begins: datetime) -> int:
    """Ask both the same; return how many slots were found."""
    found = 0
    for _ in range(8):
        query, limit = a_query(dice, begins), dice.choice([1, 5, 20, 150])
        now = query.starts_at - dice.choice([timedelta(), timedelta(minutes=59)])
        expected = list(await PostgresSlotSearch(database).first(query, limit, now))
        assert list(first(follower.index, query, limit, now)) == expected
        found += len(expected)
    return found


@given(dice=st.randoms(use_true_random=False), begins=st.sampled_from([SPRING, AUTUMN]))
@settings(max_examples=3, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_memory_answers_as_sql_does(opened: Database, dice: Random, begins: datetime) -> None:
    bench = on_postgres(opened)
    await begin(bench, opened, begins)
    await bench.give(*(a_template(dice, number) for number in range(5)))
    await disturb(dice, bench, opened, begins)
    built = await build(opened, begins, ROOMY)
    follower = Follower(built.index, built.cursor, set())
    await compare(dice, opened, follower, begins)
    for _ in range(3):
        await disturb(dice, bench, opened, begins)
        async with opened.connection() as connection:
            assert await follower.catch_up(connection) > 0
        await compare(dice, opened, follower, begins)


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
            await late.put_appointment(taken(1))
            async with unit_of_work(opened)() as early:
                await early.put_appointment(taken(0))
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
