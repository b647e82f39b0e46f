"""Slots with an interpreter: somebody of the language, there or on a screen, free for the whole visit, or no slot."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.availability.adapters.postgres import store_of
from services.availability.consumers import on_bookings, on_directory
from services.availability.domain.interpreters import Interpreter, choose, free_time, joined
from services.availability.domain.sessions import Period
from services.availability.domain.slots import OpenSlot
from services.availability.ports import Appointment
from services.availability.usecases.projections import DirectoryProjection
from services.availability.usecases.search import OfferedSlot, SearchRequest
from services.contracts.events import EVENTS
from services.contracts.slot_offer import SlotOffer
from services.kernel.database import Database
from services.kernel.outbox import Envelope
from tests.services.availability.bench import NOW, Bench, on_postgres
from tests.services.availability.places import BOSTON, FLORES, SHAH, WORCESTER, template

FAMILY = "family-medicine"
LUCIA = Interpreter(
    "int-00001", 1, "Lucía Ortega", ("es",), ("fac-0001",), False, "America/New_York", ("mon", "tue"), time(9),
    time(10), (date(2027, 1, 11),),
)  # fmt: skip
AFAR = replace(
    LUCIA, interpreter_id="int-00002", name="Minh Tran", languages=("vi", "es"), facility_ids=(), remote=True,
    timezone="America/Los_Angeles", starts=time(7), ends=time(8),
)  # fmt: skip


def busy(id_: str, interpreter: str, start: datetime, *, minutes: int = 20, live: bool = True) -> Appointment:
    period = Period(start, start + timedelta(minutes=minutes))
    return Appointment(id_, 1, "cln-other", "fac-0009", period, 0, live, None, "", interpreter)


async def told(bench: Bench, *records: Interpreter | Appointment) -> None:
    async with bench.transaction() as store:
        for one in records:
            if isinstance(one, Interpreter):
                await store.put_interpreter(one)
            else:
                await store.put_appointments([one])


async def found(bench: Bench, language: str = "es", **more: object) -> list[str]:
    asked = SearchRequest(specialty=FAMILY, interpreter=language, limit=50, **more)  # type: ignore[arg-type]  # by name
    return [f"{one.slot.starts_local:%a %d %H:%M} {one.slot.interpreter_id}" for one in await bench.offers(asked)]


@pytest.fixture
async def staffed(bench: Bench) -> Bench:
    await bench.know()
    await bench.give(template(), template(SHAH, WORCESTER, "worcester", starts=time(8), ends=time(12)))
    await told(bench, LUCIA, AFAR)
    return bench


async def test_only_times_at_which_somebody_can_be_there(staffed: Bench) -> None:
    first_day = await found(staffed, until=date(2027, 1, 4))
    assert [at for at in first_day if at.endswith("1")] == [f"Mon 04 09:{m:02} int-00001" for m in (0, 20, 40)]
    # 07:00 to 08:00 in Los Angeles is 10:00 to 11:00 here, at both facilities; 09:00 to 10:00 Lucía is in Boston only.
    assert [at for at in first_day if at.endswith("2")] == [
        f"Mon 04 10:{m:02} int-00002" for m in (0, 0, 20, 20, 40, 40)
    ]
    assert await found(staffed, "ko") == []
    assert {at[:6] for at in await found(staffed, until=date(2027, 1, 17))} == {"Mon 04", "Tue 05", "Tue 12"}, "day off"


async def test_the_offer_names_the_interpreter_and_the_language(staffed: Bench) -> None:
    offered: OfferedSlot = (await staffed.offers(SearchRequest(specialty=FAMILY, interpreter="es")))[0]
    who = [one for one in offered.offer.resources if one.kind == "interpreter"]
    assert [(one.id, one.depth, one.language) for one in who] == [("int-00001", 1, "es")]
    assert offered.offer.interpreted == "es"
    plain = (await staffed.offers(SearchRequest(specialty=FAMILY)))[0]
    assert plain.offer.interpreted == "" and len(plain.offer.resources) == 1


async def test_whoever_is_busy_elsewhere_is_not_offered_and_is_again_when_free(staffed: Bench) -> None:
    nine = datetime(2027, 1, 4, 14, 0, tzinfo=UTC)
    await told(staffed, busy("a1", "int-00001", nine + timedelta(minutes=10)))
    assert (await found(staffed))[0] == "Mon 04 09:40 int-00001"
    await told(staffed, replace(busy("a1", "int-00001", nine, live=False), version=2))
    assert (await found(staffed))[0] == "Mon 04 09:00 int-00001"


async def test_somebody_in_the_room_before_somebody_on_a_screen(staffed: Bench) -> None:
    await told(staffed, replace(AFAR, version=2, timezone="America/New_York", starts=time(8), ends=time(12)))
    listed = await found(staffed, until=date(2027, 1, 4), facility_ids=("fac-0001",))
    assert [at[-1] for at in listed] == ["1", "1", "1", "2", "2", "2", "2", "2", "2"]


async def test_who_left_is_not_offered(staffed: Bench) -> None:
    await told(staffed, replace(LUCIA, version=2, active=False), replace(AFAR, version=2, languages=("vi",)))
    assert await found(staffed) == []
    await told(staffed, LUCIA)
    assert await found(staffed) == [], "an older version changes nothing"


async def test_short_pages_miss_nothing(staffed: Bench) -> None:
    """Everything that one long look finds, found a slot at a time by a search that begins again amid equal starts."""
    everything = await found(staffed)
    assert len(everything) > 20
    for limit in (1, 2, 7):
        asked = SearchRequest(specialty=FAMILY, interpreter="es", limit=limit)
        few = [f"{one.slot.starts_local:%a %d %H:%M} {one.slot.interpreter_id}" for one in await staffed.offers(asked)]
        assert few == everything[:limit]


async def test_it_is_what_a_look_at_every_open_slot_would_keep(opened: Database) -> None:
    """The oracle: every open slot, and by plain arithmetic whether one person is free for all of it."""
    bench = on_postgres(opened)
    await bench.know()
    await bench.give(template(), template(SHAH, WORCESTER, "worcester", starts=time(8), ends=time(12)))
    people = [LUCIA, AFAR, replace(LUCIA, interpreter_id="int-00003", starts=time(11), ends=time(9), days_off=())]
    taken = [busy(f"a{n}", f"int-0000{n % 3 + 1}", NOW + timedelta(minutes=50 * n), minutes=35) for n in range(60)]
    await told(bench, *people, *taken)
    everyone = await bench.offers(SearchRequest(specialty=FAMILY, limit=100, until=date(2027, 1, 8)))
    window = Period(NOW - timedelta(days=2), NOW + timedelta(days=12))

    def somebody(slot: OpenSlot) -> bool:
        minutes = [slot.starts_at + timedelta(minutes=n) for n in range(20)]
        return any(
            person.serves(slot.facility_id)
            and all(any(a <= at < b for a, b in person.working(window)) for at in minutes)
            and not any(
                one.interpreter_id == person.interpreter_id and one.period.starts_at <= at < one.period.ends_at
                for one in taken for at in minutes
            )
            for person in people
        )  # fmt: skip

    expected = [one.slot.slot_id for one in everyone if somebody(one.slot)]
    request = SearchRequest(specialty=FAMILY, interpreter="es", limit=100, until=date(2027, 1, 8))
    assert 0 < len(expected) < len(everyone)
    assert [one.slot.slot_id for one in await bench.offers(request)] == expected


async def test_events_make_and_free_their_time(opened: Database) -> None:
    bench = on_postgres(opened)
    await bench.know()
    await bench.give(template())
    offered = None

    async def tell(name: str, **data: object) -> None:
        event = EVENTS[name].model_validate({**EVENTS[name].EXAMPLE, **data})
        envelope = Envelope(uuid4(), name, event.source, NOW, "", dict(event.payload()))
        async with opened.transaction() as connection:
            if name.startswith("directory."):
                await on_directory(envelope, DirectoryProjection(store_of(connection), bench.horizon))
            else:
                await on_bookings([envelope], store_of(connection))

    async def first() -> SlotOffer:
        return (await bench.offers(SearchRequest(specialty=FAMILY, interpreter="es")))[0].offer

    await tell("directory.interpreter-recorded.v1", starts="09:00", ends="10:00")
    offered = await first()
    place = {"starts_at": offered.starts_at, "ends_at": offered.ends_at, "clinician_id": "cln-other", "version": 1}
    await tell("booking.appointment-booked.v1", **place, facility_id="fac-0009", interpreter_id="int-00001")
    assert (await first()).starts_at == offered.ends_at, "the clinician is free, the interpreter is not"
    await tell("booking.appointment-cancelled.v1", **{**place, "version": 2}, interpreter_id="int-00001")
    assert await first() == offered
    kept = [{"kind": "interpreter", "id": "int-00001", "depth": 1, "language": "es"}]
    freed = {**place, "resources": kept, "open_until": NOW + timedelta(seconds=30)}
    await tell("booking.slot-freed.v1", **freed)
    assert (await first()).starts_at == offered.ends_at, "kept for those who wait, interpreter and all"
    bench.clock.at = NOW + timedelta(seconds=31)
    assert await first() == offered


def slot_at(start: datetime, name: str = "slot-a", facility: str = "fac-0001") -> OpenSlot:
    return OpenSlot(
        name, FLORES.clinician_id, FLORES.name, facility, BOSTON.name, BOSTON.timezone, FAMILY, "x", start,
        start + timedelta(minutes=20), "", 1, 1, None,
    )  # fmt: skip


def test_who_works_over_midnight_is_there_all_night_and_clocks_that_change_are_counted() -> None:
    night = replace(LUCIA, weekdays=("sat",), starts=time(22), ends=time(6))
    # 14 March 2027, 02:00 to 03:00 does not exist in Boston: the night is seven hours long.
    window = Period(datetime(2027, 3, 13, 0, 0, tzinfo=UTC), datetime(2027, 3, 15, 0, 0, tzinfo=UTC))
    (period,) = night.working(window)
    assert period == (datetime(2027, 3, 14, 3, 0, tzinfo=UTC), datetime(2027, 3, 14, 10, 0, tzinfo=UTC))
    round_the_clock = replace(LUCIA, weekdays=("sat", "sun"), starts=time(0), ends=time(0))
    free = free_time(round_the_clock, window, [])
    assert len(free.periods) == 1, "sessions that touch are one time: a visit may lie over midnight"
    assert free.covers(slot_at(datetime(2027, 3, 14, 4, 50, tzinfo=UTC)))


def test_slots_of_one_moment_share_interpreters_out() -> None:
    start = datetime(2027, 1, 4, 14, 0, tzinfo=UTC)
    window = Period(start, start + timedelta(hours=1))
    staff = [replace(AFAR, interpreter_id=f"int-{n}", timezone="UTC", starts=time(0), ends=time(0)) for n in range(8)]
    free = [free_time(one, window, []) for one in staff]
    chosen = [choose(slot_at(start, f"slot-{n}"), free) for n in range(200)]
    counted = [sum(who is not None and who.interpreter_id == one.interpreter_id for who in chosen) for one in staff]
    assert sum(counted) == 200 and min(counted) > 10


times = st.integers(0, 50).map(lambda n: NOW + timedelta(minutes=n))


@given(st.lists(st.tuples(times, st.integers(1, 20)), max_size=8))
def test_a_union_covers_the_same_minutes(spans: list[tuple[datetime, int]]) -> None:
    periods = [Period(start, start + timedelta(minutes=length)) for start, length in spans]
    union = joined(periods)
    for n in range(75):
        at = NOW + timedelta(minutes=n)
        assert any(a <= at < b for a, b in union) == any(a <= at < b for a, b in periods)
    assert all(before.ends_at < after.starts_at for before, after in pairwise(union))
