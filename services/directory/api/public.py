"""What anybody may know without signing in: where care is given, and what can be booked there. Nobody is named.

Confidential kinds of visits (HL7 labels R and ETH) are left out: whoever needs one finds it after signing in.
"""

from typing import Annotated

from fastapi import APIRouter, Query, Response

from services.contracts.security_labels import SecurityLabel
from services.directory.api import paging
from services.directory.api.fields import DirectoryDep, View
from services.directory.domain.values import ZIP
from services.directory.ports import FacilityQuery
from services.kernel.http import GateDep, anyone

router = APIRouter(tags=["public"])
# Seconds that anybody may keep an answer: facilities change by the week.
KEPT_SECONDS = 300


class PublicFacility(View):
    """A facility; ``distance_km`` from the ZIP code it was looked for near."""

    facility_id: str
    name: str
    kind: str
    address: str
    city: str
    state: str
    zip_code: str
    latitude: float
    longitude: float
    timezone: str
    phone: str
    distance_km: float | None = None


class PublicFacilities(View):
    """Open facilities, nearest first or by id; ``next`` is the cursor of the following page, "" on the last."""

    facilities: list[PublicFacility]
    next: str


class PublicVisitType(View):
    """A kind of visit anybody may book, and its usual length."""

    code: str
    name: str
    specialty: str
    specialty_name: str
    minutes: int


class PublicVisitTypes(View):
    """Kinds of visits by code."""

    visit_types: list[PublicVisitType]


@router.get("/public/facilities", **anyone("find-care", 422))
async def find_facilities(
    directory: DirectoryDep,
    gate: GateDep,
    response: Response,
    near: Annotated[str, Query(pattern=f"^$|{ZIP}", description="ZIP code to look around")] = "",
    within_km: Annotated[float, Query(gt=0, le=500, description="radius around `near`")] = 50.0,
    limit: paging.Limit = 50,
    cursor: paging.Cursor = "",
) -> PublicFacilities:
    """Return where care is given."""
    circle = directory.facilities.near(near, within_km) if near else None
    query = FacilityQuery(circle, "", "", True, paging.decode(cursor), limit + 1)
    found = list(await directory.facilities.search(gate, query))
    page = found[:limit]
    more = paging.encode(page[-1][1], page[-1][0].record.facility_id) if len(found) > limit else ""
    _keep(response)
    views = [PublicFacility.of(recorded, distance_km=round(distance, 1) if near else None)
             for recorded, distance in page]  # fmt: skip
    return PublicFacilities(facilities=views, next=more)


@router.get("/public/visit-types", **anyone("find-care"))
async def find_visit_types(directory: DirectoryDep, gate: GateDep, response: Response) -> PublicVisitTypes:
    """Return what anybody may book, without what is confidential."""
    names = {one.record.code: one.record.name for one in await directory.catalogue.specialties(gate)}
    open_to_all = [
        one for one in await directory.catalogue.visit_types(gate)
        if one.record.active and one.record.security_label == SecurityLabel.NORMAL
    ]  # fmt: skip
    _keep(response)
    views = [PublicVisitType.of(one, specialty_name=names.get(one.record.specialty, one.record.specialty))
             for one in open_to_all]  # fmt: skip
    return PublicVisitTypes(visit_types=views)


def _keep(response: Response) -> None:
    response.headers["cache-control"] = f"public, max-age={KEPT_SECONDS}"
