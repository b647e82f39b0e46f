"""What the directory tells anybody: places that are open and kinds of visits that are not confidential."""

from __future__ import annotations

from dataclasses import replace

from services.contracts.security_labels import SecurityLabel
from services.directory.domain.records import Facility, VisitType
from services.directory.usecases.bulk import bulk_record
from tests.services.directory.conftest import Served
from tests.services.directory.fakes import BOSTON, FOLLOW_UP, NOW

CLOSED: Facility = replace(BOSTON, facility_id="fac-0099", active=False)
QUIET: VisitType = replace(FOLLOW_UP, code="quiet", security_label=SecurityLabel.PART_2)
GONE: VisitType = replace(FOLLOW_UP, code="gone", active=False)


async def test_anybody_finds_open_places_and_ordinary_visits_and_no_trail_is_left(served: Served) -> None:
    async with served.begin() as store:
        await bulk_record(store, [CLOSED, QUIET, GONE], NOW)
    async with served.client() as client:
        first = await client.get("/public/facilities", params={"limit": 2})
        rest = await client.get("/public/facilities", params={"limit": 2, "cursor": first.json()["next"]})
        near = (await client.get("/public/facilities", params={"near": "02108"})).json()["facilities"]
        kinds = await client.get("/public/visit-types")
        refused = [(await client.get(path)).status_code for path in ("/facilities", "/visit-types", "/clinicians")]
    pages = [one["facility_id"] for page in (first, rest) for one in page.json()["facilities"]]
    assert (pages, rest.json()["next"]) == (["fac-0001", "fac-0002", "fac-0003"], "")
    assert [one["facility_id"] for one in near] == ["fac-0001"] and near[0]["distance_km"] < 3
    told = {one["code"]: one for one in kinds.json()["visit_types"]}
    assert FOLLOW_UP.code in told and not {"quiet", "gone"} & told.keys()
    assert told[FOLLOW_UP.code]["specialty_name"] == "Family medicine"
    assert {answer.headers["cache-control"] for answer in (first, kinds)} == {"public, max-age=300"}
    assert refused == [401, 401, 401]
    assert [entry["outcome"] for entry in await served.outbox("audit")] == ["unauthenticated"] * 3
