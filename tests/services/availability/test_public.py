"""What availability tells anybody: which times are open at a facility, and of nobody who gives the care."""

from __future__ import annotations

from dataclasses import replace
from datetime import time, timedelta

from services.availability.usecases.open_times import OpenTimes, OpenTimesFound
from services.kernel.actor import ANYBODY
from services.kernel.database import Database
from tests.services.availability.bench import NOW, Bench, gate
from tests.services.availability.places import BOSTON, FLORES, FOLLOW_UP, SHAH, template
from tests.services.availability.test_api import Api

LATE = replace(SHAH, facility_ids=(BOSTON.facility_id,))


async def shared_morning(bench: Bench) -> None:
    """Two clinicians at Boston, one of them from ten on."""
    await bench.know(clinicians=(FLORES, LATE))
    await bench.give(template(), template(LATE, template_id="late", starts=time(10)))


async def test_anybody_sees_each_start_once_with_its_places_and_no_name(opened: Database) -> None:
    api = Api(opened)
    await shared_morning(api.bench)
    asked = {"facility": "fac-0001", "visit_type": [FOLLOW_UP.visit_type, "unheard-of"], "days": 7}
    answer = await api.call("GET", "/public/open-times", "", params=asked)
    assert (answer.status_code, answer.headers["cache-control"]) == (200, "public, max-age=60")
    told = answer.json()
    starts = [one["starts_at"] for one in told["open_times"]]
    assert starts == sorted(set(starts)) and starts
    assert {one["places"] for one in told["open_times"]} == {1, 2}
    assert not [word for word in (FLORES.name, FLORES.clinician_id, "offer", "room") if word in answer.text]
    nowhere = await api.call("GET", "/public/open-times", "", params={**asked, "facility": "fac-9"})
    assert nowhere.json()["open_times"] == []
    mistakes: list[dict[str, object]] = [{"days": 0}, {"days": 32}, {"visit_type": []}, {"facility": "\0"}]
    for wrong in mistakes:
        assert (await api.call("GET", "/public/open-times", "", params={**asked, **wrong})).status_code == 422, wrong
    assert (await api.call("GET", "/slots", "", params={"specialty": "family-medicine"})).status_code == 401


async def found(bench: Bench, **bounds: int) -> OpenTimesFound:
    asked = OpenTimes(bench.transaction, bench.slots, bench.clock, **bounds)
    return await asked.at(BOSTON.facility_id, [FOLLOW_UP.visit_type], 7, gate("find-open-times", ANYBODY))


async def test_a_stretch_after_the_other_finds_what_one_look_would(bench: Bench) -> None:
    await shared_morning(bench)
    whole = await found(bench)
    assert sum(one.places for one in whole.times) > 50
    for at_once in (3, 7):
        assert (await found(bench, at_once=at_once)).times == whole.times
    cut = await found(bench, at_once=3, most=20)
    assert cut.times == [one for one in whole.times if one.starts_at < cut.searched_to]
    assert cut.times and cut.searched_to < NOW + timedelta(days=7), "it says until when it is whole"
