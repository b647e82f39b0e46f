"""Events in any order, any number of times: the same slots in the end."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import pairwise, permutations
from typing import Any
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.availability.adapters.postgres import store_of
from services.availability.consumers import on_bookings, on_directory
from services.availability.domain.sessions import Period
from services.availability.ports import Appointment
from services.availability.usecases.projections import DirectoryProjection, take_bookings
from services.availability.usecases.search import SearchRequest
from services.contracts.events.base import Event
from services.contracts.events.booking import (
    AppointmentBooked,
    AppointmentCancelled,
    AppointmentCheckedIn,
    AppointmentEvent,
    AppointmentFulfilled,
    AppointmentHeld,
    AppointmentMoved,
    AppointmentNoShow,
    FreedSlotEvent,
    HoldReleased,
    SlotFreed,
    SlotReleased,
)
from services.contracts.events.directory import ClinicianRecorded, FacilityRecorded, RoleAssigned, VisitTypeRecorded
from services.kernel.database import Database
from services.kernel.errors import Invalid
from services.kernel.ids import new_id
from services.kernel.outbox import Envelope
from tests.services.availability.bench import NOW, Bench
from tests.services.availability.places import FLORES, template

NINE = NOW + timedelta(hours=1)
OF_FLORES = SearchRequest(clinician_ids=(FLORES.clinician_id,), limit=3)


def envelope(event: Event) -> Envelope:
    return Envelope(new_id(), event.TYPE, event.source, NOW, "c", dict(event.payload()))


async def tell_directory(bench: Bench, *events: Event) -> None:
    for event in events:
        async with bench.transaction() as store:
            await on_directory(envelope(event), DirectoryProjection(store, bench.horizon))


async def tell_booking(bench: Bench, events: Sequence[Event]) -> None:
    for event in events:
        async with bench.transaction() as store:
            await on_bookings([envelope(event)], store)


def appointment(kind: type[Event], version: int, start: int = 0, **changes: Any) -> Event:
    starts_at = NINE + timedelta(minutes=start)
    values = {
        **kind.EXAMPLE, "version": version, "clinician_id": FLORES.clinician_id, "facility_id": "fac-0001",
        "starts_at": starts_at, "ends_at": starts_at + timedelta(minutes=20), **changes,
    }  # fmt: skip
    return kind.model_validate(values)


FACILITY = FacilityRecorded.model_validate(FacilityRecorded.EXAMPLE)
CLINICIAN = ClinicianRecorded.model_validate(ClinicianRecorded.EXAMPLE)
VISIT_TYPE = VisitTypeRecorded.model_validate(VisitTypeRecorded.EXAMPLE)


@pytest.mark.parametrize("order", list(permutations(range(3))))
async def test_slots_open_when_the_last_record_arrives(bench: Bench, order: Sequence[int]) -> None:
    await bench.give(template())
    records = [FACILITY, CLINICIAN, VISIT_TYPE]
    await tell_directory(bench, *(records[n] for n in order), *records)
    assert await bench.starts(OF_FLORES) == ["Mon 04 09:00", "Mon 04 09:20", "Mon 04 09:40"]


async def test_an_older_record_changes_nothing(bench: Bench) -> None:
    await bench.give(template())
    moved = FACILITY.model_copy(update={"version": 2, "timezone": "America/Chicago"})
    await tell_directory(bench, moved, CLINICIAN, VISIT_TYPE, FACILITY)
    assert await bench.starts(OF_FLORES) == ["Mon 04 09:00", "Mon 04 09:20", "Mon 04 09:40"]
    assert {one.slot.timezone for one in await bench.offers(OF_FLORES)} == {"America/Chicago"}


@pytest.mark.parametrize(
    "change",
    [
        CLINICIAN.model_copy(update={"version": 2, "active": False}),
        CLINICIAN.model_copy(update={"version": 2, "facility_ids": ("fac-0002",)}),
        FACILITY.model_copy(update={"version": 2, "active": False}),
    ],
)
async def test_who_left_has_no_slots(bench: Bench, change: Event) -> None:
    await bench.give(template())
    await tell_directory(bench, FACILITY, CLINICIAN, VISIT_TYPE, change)
    assert await bench.starts(OF_FLORES) == []


async def test_a_new_specialty_moves_the_slots(bench: Bench) -> None:
    await bench.give(template())
    changed = CLINICIAN.model_copy(update={"version": 2, "specialty": "cardiology"})
    echo = VISIT_TYPE.model_copy(update={"visit_type": "cardiology-echo", "specialty": "cardiology", "minutes": 45})
    await tell_directory(bench, FACILITY, CLINICIAN, VISIT_TYPE, echo, changed)
    assert await bench.starts(SearchRequest(specialty="family-medicine")) == []
    assert {one.offer.minutes for one in await bench.offers(SearchRequest(specialty="cardiology"))} == {45}


async def test_an_unknown_zone_goes_to_the_dead_letters(bench: Bench) -> None:
    with pytest.raises(Invalid):
        await tell_directory(bench, FACILITY.model_copy(update={"timezone": "Mars/Olympus"}))


async def test_strangers_are_refused(bench: Bench) -> None:
    with pytest.raises(Invalid):
        await tell_directory(bench, RoleAssigned.model_validate(RoleAssigned.EXAMPLE))
    with pytest.raises(Invalid):
        await tell_booking(bench, [FACILITY])
    with pytest.raises(Invalid):
        await tell_booking(bench, [appointment(AppointmentBooked, 1, ends_at=NINE)])


HELD = appointment(AppointmentHeld, 1, status="pending", expires_at=NOW + timedelta(minutes=5))
BOOKED = appointment(AppointmentBooked, 2)
MOVED = appointment(
    AppointmentMoved, 3, start=40, former_clinician_id="cln-00001", former_facility_id="fac-0001",
    former_starts_at=NINE, former_ends_at=NINE + timedelta(minutes=20),
)  # fmt: skip


@pytest.mark.parametrize("order", list(permutations([HELD, BOOKED, MOVED])))
async def test_the_highest_version_counts_in_any_order(bench: Bench, order: Sequence[Event]) -> None:
    await bench.know()
    await bench.give(template())
    await tell_booking(bench, [*order, *order])
    assert await bench.starts(OF_FLORES) == ["Mon 04 09:00", "Mon 04 09:20", "Mon 04 10:00"]


@pytest.mark.parametrize(
    "end",
    [
        appointment(AppointmentCancelled, 3, status="cancelled", reason="pat"),
        appointment(HoldReleased, 3, status="cancelled", reason="hold-released"),
        appointment(AppointmentNoShow, 3, status="noshow"),
    ],
)
async def test_what_ended_occupies_nothing(bench: Bench, end: Event) -> None:
    await bench.know()
    await bench.give(template())
    await tell_booking(bench, [BOOKED])
    assert (await bench.starts(OF_FLORES))[0] == "Mon 04 09:20"
    await tell_booking(bench, [end, BOOKED])
    assert (await bench.starts(OF_FLORES))[0] == "Mon 04 09:00"


async def test_a_hold_ends_by_itself_when_nobody_tells(bench: Bench) -> None:
    await bench.know()
    await bench.give(template())
    await tell_booking(bench, [HELD])
    assert (await bench.starts(OF_FLORES))[0] == "Mon 04 09:20"
    bench.clock.at = NOW + timedelta(minutes=5)
    assert (await bench.starts(OF_FLORES))[0] == "Mon 04 09:00"


async def test_a_freed_slot_is_shown_again_when_released_or_run_out(bench: Bench) -> None:
    await bench.know()
    await bench.give(template())
    place = {"starts_at": NINE, "ends_at": NINE + timedelta(minutes=20)}
    freed, extended = (
        SlotFreed.model_validate({**SlotFreed.EXAMPLE, **place, "version": n, "open_until": NOW + timedelta(minutes=n)})
        for n in (1, 3)
    )
    await tell_booking(bench, [BOOKED, freed, appointment(AppointmentCancelled, 3, status="cancelled", reason="other")])
    assert (await bench.starts(OF_FLORES))[0] == "Mon 04 09:20"
    await tell_booking(bench, [extended, freed])
    bench.clock.at = NOW + timedelta(minutes=2)
    assert (await bench.starts(OF_FLORES))[0] == "Mon 04 09:20"
    bench.clock.at = NOW + timedelta(minutes=3)
    assert (await bench.starts(OF_FLORES))[0] == "Mon 04 09:00"
    bench.clock.at = NOW
    await tell_booking(bench, [SlotReleased.model_validate({**SlotReleased.EXAMPLE, **place, "version": 4}), extended])
    assert (await bench.starts(OF_FLORES))[0] == "Mon 04 09:00"


async def test_a_visit_at_another_facility_occupies_the_clinician(bench: Bench) -> None:
    await bench.know()
    await bench.give(template())
    await tell_booking(bench, [appointment(AppointmentBooked, 1, facility_id="fac-0002")])
    assert (await bench.starts(OF_FLORES))[0] == "Mon 04 09:20"


async def test_appointments_that_were_newer_are_told(bench: Bench) -> None:
    one = Appointment("a", 2, "cln-00001", "fac-0001", Period(NINE, NINE + timedelta(minutes=20)), 0, live=True)
    async with bench.transaction() as store:
        assert [await store.put_appointments([one]) for _ in range(2)] == [{"a"}, frozenset()]


STEPS = (AppointmentHeld, AppointmentBooked, AppointmentMoved, AppointmentCheckedIn, AppointmentFulfilled)
KEPT = "SELECT * FROM busy ORDER BY appointment_id", "SELECT * FROM visit ORDER BY appointment_id"


@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 4), st.integers(0, 3)), max_size=12), st.data())
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_many_at_a_time_are_kept_as_one_by_one(
    opened: Database, drawn: list[tuple[int, int, int]], data: st.DataObject
) -> None:
    """Of three visits in any order and twice, some freed slots among them: the same rows, however they are cut."""
    told: list[tuple[AppointmentEvent | FreedSlotEvent, datetime]] = []
    for which, step, late in drawn:
        at, starts = NOW + timedelta(minutes=late), 20 * (which + 3 * late)
        names = {"appointment_id": f"a-{which}", "patient_id": f"pat-{which}"}
        if late == 3:
            freed = appointment(SlotFreed, step + 1, starts, freed_id=str(UUID(int=which)))
            assert isinstance(freed, FreedSlotEvent)
            told.append((freed, at))
        else:
            event = appointment(STEPS[step], step + 1, starts, **names)
            assert isinstance(event, AppointmentEvent)
            told.append((event, at))
    cuts = sorted(data.draw(st.sets(st.integers(0, len(told)))) | {0, len(told)})
    ways = [[told[n : n + 1] for n in range(len(told))], [told[a:b] for a, b in pairwise(cuts)]]
    found = []
    for way in ways:
        async with opened.transaction() as connection:
            await connection.execute("TRUNCATE busy, visit")
            for some in way:
                await take_bookings(store_of(connection), some)
            found.append([list(map(tuple, await connection.fetch(query))) for query in KEPT])
    assert found[0] == found[1]
