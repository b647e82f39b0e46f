"""Search in memory gives SQL's answers: after building, after every kind of change, and by whichever clock is asked."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from random import Random
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.availability.adapters.memory.building import build
from services.availability.adapters.memory.following import Follower
from services.availability.adapters.memory.querying import first
from services.availability.adapters.postgres_search import PostgresSlotSearch
from services.availability.domain.directory import Facility
from services.availability.domain.places import Place
from services.availability.domain.sessions import Period
from services.availability.domain.slots import SlotQuery
from services.availability.domain.templates import WEEK
from services.availability.ports import Appointment
from services.availability.usecases.absences import Span
from services.kernel.database import Database
from tests.services.availability.bench import Bench, gate, on_postgres
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
            await store.put_appointments([an_appointment(dice, begins, dice.randrange(90), number + 2)])
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
        await connection.execute("SELECT setseed($1)", dice.random())
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
