"""Routes of facilities: public knowledge inside the health system, no PHI."""

from typing import Annotated, Literal

from fastapi import APIRouter, Query, Response
from pydantic import Field

from services.directory.api import paging
from services.directory.api.fields import (
    Body,
    DirectoryDep,
    FacilityId,
    IfMatch,
    Line,
    PhoneText,
    View,
    ZipText,
    Zone,
    answer,
    expected_version,
    guard_put,
    tag,
)
from services.directory.domain.records import Facility
from services.directory.domain.values import ZIP
from services.directory.ports import FacilityQuery
from services.kernel.http import GateDep, guard

router = APIRouter(tags=["facilities"])

StateText = Annotated[str, Field(pattern="^[A-Z]{2}$", examples=["MA"])]


class FacilityBody(Body):
    """A facility as it is registered. Coordinates in degrees (WGS 84)."""

    name: Line
    kind: Literal["hospital", "outpatient-centre"]
    address: Annotated[str, Field(max_length=120)] = ""
    city: Line
    state: StateText
    zip_code: ZipText
    latitude: float = Field(ge=-90, le=90)
    longitude: float = Field(ge=-180, le=180)
    timezone: Zone
    phone: PhoneText = ""
    active: bool = True


class FacilityView(View):
    """A facility; ``distance_km`` from the ZIP code it was looked for near."""

    facility_id: str
    version: int
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
    active: bool
    distance_km: float | None = None


class FacilityPage(View):
    """Facilities, nearest first or by id; ``next`` is the cursor of the following page, "" on the last."""

    facilities: list[FacilityView]
    next: str


@router.get("/facilities", **guard("read-facility", 422))
async def list_facilities(
    directory: DirectoryDep,
    gate: GateDep,
    near: Annotated[str, Query(pattern=f"^$|{ZIP}", description="ZIP code to look around")] = "",
    within_km: Annotated[float, Query(gt=0, le=20_000, description="radius around `near`")] = 50.0,
    state: Annotated[str, Query(pattern="^([A-Z]{2})?$")] = "",
    text: Annotated[str, Query(max_length=60, pattern=r"^[^\x00-\x1f\x7f]*$", description="part of name or city")] = "",
    inactive: Annotated[bool, Query(description="include facilities that are closed for good")] = False,
    limit: paging.Limit = 50,
    cursor: paging.Cursor = "",
) -> FacilityPage:
    """Find facilities by place, state or name."""
    query = FacilityQuery(
        near=directory.facilities.near(near, within_km) if near else None,
        state=state,
        text=text.strip(),
        active_only=not inactive,
        after=paging.decode(cursor),
        limit=limit + 1,
    )
    found = list(await directory.facilities.search(gate, query))
    page = found[:limit]
    more = paging.encode(page[-1][1], page[-1][0].record.facility_id) if len(found) > limit else ""
    views = [FacilityView.of(recorded, distance_km=round(distance, 3) if near else None) for recorded, distance in page]
    return FacilityPage(facilities=views, next=more)


@router.get("/facilities/{facility_id}", **guard("read-facility", 404, 422))
async def get_facility(
    directory: DirectoryDep, gate: GateDep, response: Response, facility_id: FacilityId
) -> FacilityView:
    """Read one facility."""
    found = await directory.facilities.get(gate, facility_id)
    tag(response, found)
    return FacilityView.of(found)


@router.put("/facilities/{facility_id}", **guard_put("manage-facility", FacilityView, 412, 428))
async def put_facility(
    directory: DirectoryDep,
    gate: GateDep,
    response: Response,
    facility_id: FacilityId,
    body: FacilityBody,
    if_match: IfMatch = None,
) -> FacilityView:
    """Register a facility, or change it with If-Match."""
    facility = Facility(facility_id=facility_id, **body.model_dump())
    return FacilityView.of(answer(response, await directory.facilities.put(gate, facility, expected_version(if_match))))
