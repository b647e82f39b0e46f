"""What only PostgreSQL can show: its search agrees with the domain, its locks keep concurrent changes apart."""

from __future__ import annotations

import asyncio
import random
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest

from services.availability.adapters.postgres import unit_of_work
from services.availability.adapters.postgres_search import PostgresSlotSearch
from services.availability.domain.opening import Occupied, open_starts
from services.availability.domain.sessions import Period, WorkingSession, expand
from services.availability.domain.slots import SlotQuery
from services.availability.domain.templates import WEEK, Template
from services.availability.ports import Appointment
from services.availability.usecases.absences import Span
from services.kernel.database import Database
from services.kernel.errors import Unavailable
from tests.services.availability.bench import NOW, Bench, gate, on_postgres
from tests.services.availability.places import (
    BOSTON,
    DENVER,
    FLORES,
    FOLLOW_UP,
    SHAH,
    WEISS,
    WORCESTER,
    template,
)

FACILITIES = {one.facility_id: one for one in (BOSTON, WORCESTER, DENVER)}


def random_template(dice: random.Random, number: int) -> Template:
    clinician, facility = dice.choice([(FLORES, BOSTON), (SHAH, WORCESTER), (SHAH, DENVER)])
    return template(
        clinician,
        facility,
        f"t{number}",
        room_id=dice.choice(["", "", "room-1", "room-2"]),
        weekdays=frozenset(dice.sample(WEEK, dice.randint(2, 7))),
        starts=time(dice.randrange(24), dice.choice([0, 10, 30])),
        ends=time(dice.randrange(24), dice.choice([0, 20, 45])),
        grid_minutes=dice.choice([10, 15, 20, 25, 60]),
        depth=dice.choice([1, 1, 2, 3]),
        observes_holidays=False,
    )


def random_appointment(dice: random.Random, number: int, begins: datetime) -> Appointment:
    start = begins + timedelta(minutes=5 * dice.randrange(12 * 24 * 6))
    clinician, facility = dice.choice([(FLORES, BOSTON), (SHAH, WORCESTER), (SHAH, DENVER)])
    return Appointment(
        f"a{number}", 1, clinician.clinician_id, facility.facility_id,
        Period(start, start + timedelta(minutes=dice.choice([15, 20, 45, 90]))), dice.choice([0, 0, 0, 1, 2]),
        live=dice.random() < 0.9,
        expires_at=dice.choice([None, None, begins - timedelta(seconds=1), begins + timedelta(seconds=1)]),
    )  # fmt: skip


def room_of(one: Appointment, sessions: list[WorkingSession]) -> str:
    """Return the room that storage gives an appointment: that of the deepest session which holds all of it."""
    holding = [
        session
        for session in sessions
        if session.template.clinician_id == one.clinician_id and session.template.facility_id == one.facility_id
        if session.period.starts_at <= one.period.starts_at and one.period.ends_at <= session.period.ends_at
    ]
    holding.sort(key=lambda session: (-session.template.depth, session.template.template_id))
    return holding[0].template.room_id if holding else ""


def expected(
    sessions: list[WorkingSession], appointments: list[Appointment], query: SlotQuery, now: datetime
) -> set[tuple[str, str, datetime]]:
    """Return the open slots by the domain's definition, from the same facts."""
    live = [one for one in appointments if one.live and (one.expires_at is None or one.expires_at > now)]
    found = set()
    for session in sessions:
        who, where, room = session.template.clinician_id, session.template.facility_id, session.template.room_id
        by_clinician = [Occupied(one.period, one.lane) for one in live if one.clinician_id == who]
        in_room = [
            Occupied(one.period) for one in live if room and one.facility_id == where and room_of(one, sessions) == room
        ]
        window = Period(query.starts_at, query.ends_at)
        found |= {(who, where, at) for at in open_starts(session, query.minutes, window, by_clinician, in_room)}
    return found


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("begins", [datetime(2027, 3, 11, tzinfo=UTC), datetime(2027, 11, 4, tzinfo=UTC)])
async def test_sql_finds_what_the_domain_calls_open(opened: Database, seed: int, begins: datetime) -> None:
    dice = random.Random(seed)
    bench = on_postgres(opened)
    bench.clock.at = begins
    await bench.know()
    templates = [random_template(dice, number) for number in range(5)]
    await bench.give(*templates)
    first, last = bench.horizon.window()
    sessions = [
        session
        for one in templates
        for session in expand(one, ZoneInfo(FACILITIES[one.facility_id].timezone), first, last)
    ]
    appointments = [random_appointment(dice, number, begins) for number in range(120)]
    async with bench.transaction() as store:
        await store.put_appointments(appointments)
    query = SlotQuery(
        "family-medicine", FOLLOW_UP.visit_type, dice.choice([15, 20, 50]), begins, begins + timedelta(days=6)
    )
    found = await PostgresSlotSearch(opened).first(query, 100_000, begins)
    assert found, "a comparison of nothing proves nothing"
    assert {(one.clinician_id, one.facility_id, one.starts_at) for one in found} == expected(
        sessions, appointments, query, begins
    )
    assert [one.rank for one in found] == sorted(one.rank for one in found)
    assert len({one.slot_id for one in found}) == len(found)
    for limit in (1, 7, 20):
        assert list(await PostgresSlotSearch(opened).first(query, limit, begins)) == list(found)[:limit]


async def test_the_lists_in_a_query_narrow_it(opened: Database) -> None:
    bench = on_postgres(opened)
    await bench.know()
    await bench.give(template(), template(SHAH, WORCESTER), template(WEISS))
    search = PostgresSlotSearch(opened)

    async def who(**changes: object) -> set[str]:
        fields = {"specialty": "family-medicine", "visit_type": FOLLOW_UP.visit_type, "minutes": 20,
                  "starts_at": NOW, "ends_at": NOW + timedelta(days=14), **changes}  # fmt: skip
        return {one.clinician_id for one in await search.first(SlotQuery(**fields), 50, NOW)}  # type: ignore[arg-type]

    assert await who() == {"cln-00001", "cln-00002"}
    assert await who(distances={"fac-0002": 3.5}) == {"cln-00002"}
    assert await who(distances={}) == set()
    assert await who(clinician_ids=("cln-00001", "cln-00003")) == {"cln-00001"}
    assert await who(language="es") == {"cln-00001"}
    sunday = date(2027, 1, 10)
    everything = {"distances": {"fac-0001": None}, "clinician_ids": ("cln-00001",), "language": "es"}
    assert await who(**everything, last_day=sunday) == {"cln-00001"}
    assert await who(**everything, first_day=sunday, last_day=sunday) == set()


async def test_concurrent_changes_lose_nothing(opened: Database) -> None:
    """Leave, closures, templates and records at once: in the end working time is what templates and absences say."""
    bench = on_postgres(opened)
    await bench.know()
    await bench.give(template(), template(SHAH, WORCESTER))
    days = [date(2027, 1, 4) + timedelta(days=n) for n in range(0, 12, 2)]

    def anything(_version: int | None) -> bool:
        return True

    await asyncio.gather(
        *(bench.leave.record(FLORES.clinician_id, Span(day, day), gate("manage-leave")) for day in days),
        *(bench.closures.record("fac-0001", Span(days[n], days[n]), gate("manage-closure")) for n in (1, 3)),
        *(
            bench.schedules.put_template(template(template_id=f"t{n}", starts=time(6 + n)), anything,
                                         gate("manage-schedule"))
            for n in range(3)
        ),
    )  # fmt: skip
    async with opened.connection() as connection:
        kept = await connection.fetch("SELECT * FROM working_session ORDER BY clinician_id, starts_at, template_id")
    await _rebuild(bench, [FLORES.clinician_id, SHAH.clinician_id])
    async with opened.connection() as connection:
        rebuilt = await connection.fetch("SELECT * FROM working_session ORDER BY clinician_id, starts_at, template_id")
    assert kept == rebuilt
    assert (await bench.schedules.read(FLORES.clinician_id, gate("read-schedule"))).version == 1 + 6 + 2 + 3 + 1


async def _rebuild(bench: Bench, clinician_ids: list[str]) -> None:
    from services.availability.usecases.materialise import renew

    async with bench.transaction() as store:
        await store.lock_schedules(clinician_ids)
        await renew(store, clinician_ids, bench.horizon)


async def test_a_lock_that_is_not_given_back_is_told_as_unavailable(opened: Database) -> None:
    transaction = unit_of_work(opened)
    async with transaction() as holder:
        await holder.lock_facilities()
        with pytest.raises(Unavailable):
            async with transaction() as other:
                # The kernel's five seconds are long for a test; the role may shorten its own patience.
                await other._connection.execute("SET LOCAL lock_timeout = '50ms'")  # type: ignore[attr-defined]
                await other.lock_schedules([FLORES.clinician_id])
