"""Leave and closures take slots away and give them back, and booking is told both."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from services.availability.usecases.absences import Span
from services.availability.usecases.search import SearchRequest
from services.kernel.access import AccessRefused
from services.kernel.actor import Actor
from services.kernel.errors import Invalid, NotFound
from services.kernel.ids import new_id
from tests.services.availability.bench import NOW, Bench, gate
from tests.services.availability.places import DENVER, FLORES, SHAH, WORCESTER, template

MONDAY = date(2027, 1, 4)
FIRST = SearchRequest(specialty="family-medicine", limit=1)


async def test_leave_of_a_day_frees_it_again_when_withdrawn(bench: Bench) -> None:
    await bench.know()
    await bench.give(template())
    leave = await bench.leave.record(FLORES.clinician_id, Span(MONDAY, MONDAY), gate("manage-leave"))
    assert await bench.starts(FIRST) == ["Tue 05 09:00"]
    read = await bench.schedules.read(FLORES.clinician_id, gate("read-schedule"))
    assert [one.leave_id for one in read.leave] == [leave.leave_id]
    await bench.leave.withdraw(FLORES.clinician_id, leave.leave_id, gate("manage-leave"))
    assert await bench.starts(FIRST) == ["Mon 04 09:00"]


async def test_leave_by_instants_cuts_a_session(bench: Bench) -> None:
    await bench.know()
    await bench.give(template())
    ten = NOW + timedelta(hours=2, minutes=5)
    await bench.leave.record(FLORES.clinician_id, Span(NOW, ten), gate("manage-leave"))
    assert await bench.starts(FIRST) == ["Mon 04 10:20"], "the grid stays that of nine o'clock"


async def test_leave_counts_at_every_facility(bench: Bench) -> None:
    await bench.know()
    await bench.give(template(SHAH, WORCESTER, "a"), template(SHAH, DENVER, "b"))
    await bench.leave.record(SHAH.clinician_id, Span(MONDAY, MONDAY), gate("manage-leave"))
    found = await bench.starts(SearchRequest(specialty="family-medicine", limit=100, until=MONDAY))
    assert found == []


async def test_a_closure_closes_the_facility_alone(bench: Bench) -> None:
    await bench.know()
    await bench.give(template(), template(SHAH, WORCESTER))
    closure = await bench.closures.record("fac-0001", Span(MONDAY, date(2027, 1, 5)), gate("manage-closure"))
    flores, shah = (SearchRequest(clinician_ids=(one.clinician_id,), limit=1) for one in (FLORES, SHAH))
    assert (await bench.starts(flores), await bench.starts(shah)) == (["Wed 06 09:00"], ["Mon 04 09:00"])
    assert await bench.closures.coming("fac-0001", gate("manage-closure")) == [closure]
    await bench.closures.withdraw("fac-0001", closure.closure_id, gate("manage-closure"))
    assert await bench.starts(flores) == ["Mon 04 09:00"]


async def test_a_template_given_during_leave_knows_of_it(bench: Bench) -> None:
    await bench.know()
    await bench.leave.record(FLORES.clinician_id, Span(MONDAY, MONDAY), gate("manage-leave"))
    await bench.closures.record("fac-0001", Span(date(2027, 1, 5), date(2027, 1, 5)), gate("manage-closure"))
    await bench.give(template())
    assert await bench.starts(FIRST) == ["Wed 06 09:00"]


async def test_unknown_people_and_places_are_not_found(bench: Bench) -> None:
    await bench.know()
    span = Span(MONDAY, MONDAY)
    with pytest.raises(NotFound):
        await bench.leave.record("cln-99999", span, gate("manage-leave"))
    with pytest.raises(NotFound):
        await bench.closures.record("fac-9999", span, gate("manage-closure"))
    leave = await bench.leave.record(FLORES.clinician_id, span, gate("manage-leave"))
    with pytest.raises(NotFound):
        await bench.leave.withdraw(SHAH.clinician_id, leave.leave_id, gate("manage-leave"))
    with pytest.raises(NotFound):
        await bench.closures.withdraw("fac-0001", new_id(), gate("manage-closure"))


async def test_leave_of_days_needs_a_known_facility(bench: Bench) -> None:
    await bench.know(facilities=())
    with pytest.raises(Invalid):
        await bench.leave.record(FLORES.clinician_id, Span(MONDAY, MONDAY), gate("manage-leave"))


async def test_a_clinician_takes_their_own_leave_only(bench: Bench) -> None:
    await bench.know()
    herself = Actor("flores", frozenset({"clinician"}), person=FLORES.clinician_id)
    await bench.leave.record(FLORES.clinician_id, Span(MONDAY, MONDAY), gate("manage-leave", herself))
    with pytest.raises(AccessRefused):
        await bench.leave.record(SHAH.clinician_id, Span(MONDAY, MONDAY), gate("manage-leave", herself))
    with pytest.raises(AccessRefused):
        await bench.closures.record("fac-0001", Span(MONDAY, MONDAY), gate("manage-closure", herself))
