"""The horizon moves on with the days; running it again changes nothing; nothing past is kept."""

from __future__ import annotations

from datetime import date, timedelta

from services.availability.usecases.bulk import bulk_templates
from services.availability.usecases.horizon import ExtendHorizon
from services.availability.usecases.search import SearchRequest
from tests.services.availability.bench import Bench, gate
from tests.services.availability.places import FLORES, SHAH, WORCESTER, template

LAST_DAYS = SearchRequest(specialty="family-medicine", since=date(2027, 2, 1), until=date(2027, 2, 28), limit=100)


async def test_new_days_come_and_running_again_changes_nothing(bench: Bench) -> None:
    await bench.know()
    await bench.give(template(), template(SHAH, WORCESTER))
    extend = ExtendHorizon(bench.transaction, bench.horizon)
    assert await extend.run() == 0
    before = await bench.offers(LAST_DAYS)
    assert max(one.slot.starts_local.date() for one in before) == date(2027, 2, 3)
    bench.clock.at += timedelta(days=1)
    assert [await extend.run(), await extend.run()] == [2, 0]
    after = await bench.offers(LAST_DAYS)
    assert max(one.slot.starts_local.date() for one in after) == date(2027, 2, 4)
    assert {one.offer.slot_id for one in before} < {one.offer.slot_id for one in after}


async def test_a_standstill_of_weeks_is_made_up_for(bench: Bench) -> None:
    await bench.know()
    await bench.give(template())
    bench.clock.at += timedelta(days=90)
    assert await bench.starts() == []
    assert await ExtendHorizon(bench.transaction, bench.horizon).run() == 1
    assert (await bench.starts())[0] == "Mon 05 09:00"


async def test_an_extended_schedule_keeps_its_version(bench: Bench) -> None:
    await bench.know()
    await bench.give(template())
    bench.clock.at += timedelta(days=1)
    await ExtendHorizon(bench.transaction, bench.horizon).run()
    assert (await bench.schedules.read(FLORES.clinician_id, gate("read-schedule"))).version == 1


async def test_bulk_is_repeatable_and_tells_its_progress(bench: Bench) -> None:
    await bench.know()
    heard: list[int] = []
    templates = [template(), template(template_id="late"), template(SHAH, WORCESTER)]
    for _ in range(2):
        assert await bulk_templates(bench.transaction, bench.horizon, templates, heard.append) == 3
    assert heard == [2, 2]
    found = await bench.offers(SearchRequest(specialty="family-medicine", limit=100, until=date(2027, 1, 4)))
    assert len(found) == 18, "two templates at the same time are one slot"
