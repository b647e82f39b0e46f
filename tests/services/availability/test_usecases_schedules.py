"""Changing schedules: slots follow at once, nobody overwrites unseen, nobody reaches into another facility."""

from __future__ import annotations

from datetime import time

import pytest

from services.availability.usecases.search import SearchRequest
from services.kernel.access import AccessRefused
from services.kernel.actor import Actor
from services.kernel.errors import Conflict, NotFound, StaleVersion
from tests.services.availability.bench import ADMINISTRATOR, Bench, gate
from tests.services.availability.places import BOSTON, DENVER, FLORES, SHAH, WORCESTER, template

FIRST = SearchRequest(specialty="family-medicine", limit=1)


def anything(_version: int | None) -> bool:
    return True


def scheduler_of(*facilities: str) -> Actor:
    return Actor("scheduler", frozenset({"scheduler"}), facilities=frozenset(facilities))


async def test_slots_follow_a_template_at_once(bench: Bench) -> None:
    await bench.know()
    assert await bench.starts(FIRST) == []
    created = await bench.schedules.put_template(template(), anything, gate("manage-schedule"))
    assert created == (1, True)
    assert await bench.starts(FIRST) == ["Mon 04 09:00"]
    changed = await bench.schedules.put_template(template(starts=time(10)), anything, gate("manage-schedule"))
    assert changed == (2, False)
    assert await bench.starts(FIRST) == ["Mon 04 10:00"]
    await bench.schedules.delete_template(FLORES.clinician_id, "weekly", anything, gate("manage-schedule"))
    assert await bench.starts(FIRST) == []


async def test_versions_never_go_back(bench: Bench) -> None:
    await bench.know()
    await bench.schedules.put_template(template(), anything, gate("manage-schedule"))
    await bench.schedules.delete_template(FLORES.clinician_id, "weekly", anything, gate("manage-schedule"))
    again = await bench.schedules.put_template(template(), anything, gate("manage-schedule"))
    assert again == (3, True), "an entity tag of the deleted one must not match the new one"


async def test_a_precondition_that_fails_changes_nothing(bench: Bench) -> None:
    await bench.know()
    await bench.give(template())
    with pytest.raises(StaleVersion):
        await bench.schedules.put_template(template(starts=time(10)), lambda v: v == 7, gate("manage-schedule"))
    with pytest.raises(StaleVersion):
        await bench.schedules.delete_template(
            FLORES.clinician_id, "weekly", lambda v: v is None, gate("manage-schedule")
        )
    assert await bench.starts(FIRST) == ["Mon 04 09:00"]


async def test_a_scheduler_stays_inside_their_facilities(bench: Bench) -> None:
    await bench.know()
    await bench.give(template(SHAH, WORCESTER))
    with pytest.raises(AccessRefused):
        await bench.schedules.put_template(template(), anything, gate("manage-schedule", scheduler_of("fac-0002")))
    moved = template(SHAH, DENVER)
    with pytest.raises(AccessRefused):
        await bench.schedules.put_template(moved, anything, gate("manage-schedule", scheduler_of("fac-0003")))
    both = gate("manage-schedule", scheduler_of("fac-0002", "fac-0003"))
    assert await bench.schedules.put_template(moved, anything, both) == (2, False)


async def test_who_may_read_a_schedule(bench: Bench) -> None:
    await bench.know()
    await bench.give(template(SHAH, WORCESTER))
    herself = Actor("shah", frozenset({"clinician"}), person=SHAH.clinician_id)
    for actor in (ADMINISTRATOR, herself, scheduler_of("fac-0003")):
        read = await bench.schedules.read(SHAH.clinician_id, gate("read-schedule", actor))
        assert [stored.template.template_id for stored in read.templates] == ["weekly"]
    with pytest.raises(AccessRefused):
        await bench.schedules.read(SHAH.clinician_id, gate("read-schedule", scheduler_of("fac-0001")))


async def test_a_schedule_says_what_it_waits_for(bench: Bench) -> None:
    await bench.give(template())
    read = await bench.schedules.read(FLORES.clinician_id, gate("read-schedule"))
    assert read.waiting_for == ["the clinician is not known yet", "facility fac-0001 is not known yet"]
    await bench.know()
    await bench.give(template(facility=DENVER, template_id="elsewhere"))
    read = await bench.schedules.read(FLORES.clinician_id, gate("read-schedule"))
    assert read.waiting_for == ["the clinician is not recorded at facility fac-0003"]


async def test_unknown_things_are_not_found(bench: Bench) -> None:
    await bench.know()
    with pytest.raises(NotFound):
        await bench.schedules.read("cln-99999", gate("read-schedule"))
    with pytest.raises(NotFound):
        await bench.schedules.delete_template(FLORES.clinician_id, "none", anything, gate("manage-schedule"))
    with pytest.raises(NotFound):
        await bench.schedules.set_visit_length("cln-99999", "a", 20, gate("manage-schedule"))
    with pytest.raises(NotFound):
        await bench.schedules.set_visit_length(FLORES.clinician_id, "no-such-visit", 20, gate("manage-schedule"))


async def test_own_visit_lengths_raise_the_version_once(bench: Bench) -> None:
    await bench.know()
    await bench.give(template())
    for minutes in (30, 30, None, None):
        await bench.schedules.set_visit_length(
            FLORES.clinician_id, "family-medicine-follow-up", minutes, gate("manage-schedule")
        )
    read = await bench.schedules.read(FLORES.clinician_id, gate("read-schedule"))
    assert (read.version, read.visit_lengths) == (3, {})


async def test_templates_are_bounded(bench: Bench) -> None:
    await bench.know()
    await bench.give(*(template(facility=BOSTON, template_id=f"t{n:03}") for n in range(100)))
    with pytest.raises(Conflict):
        await bench.schedules.put_template(template(), anything, gate("manage-schedule"))
