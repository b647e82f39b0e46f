"""What anybody may know without signing in: which times are open where. No clinician is named, no offer is made."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Query, Response
from pydantic import BaseModel

from services.availability.api.dependencies import AvailabilityDep
from services.availability.api.fields import Code, Identifier
from services.kernel.http import GateDep, anyone

router = APIRouter(tags=["public"])
# Seconds that anybody may keep an answer: times go quickly, and whoever books is told if one has gone.
KEPT_SECONDS = 60


class OpenTimeView(BaseModel):
    """An open start of a kind of visit; ``places``: at least so many can have it."""

    visit_type: str
    starts_at: datetime
    ends_at: datetime
    places: int


class OpenTimesView(BaseModel):
    """A facility's open times by start, and the window of starts that was searched."""

    facility_id: str
    open_times: list[OpenTimeView]
    searched_from: datetime
    searched_to: datetime


@router.get("/public/open-times", **anyone("find-open-times", 422))
async def find_open_times(
    gate: GateDep,
    availability: AvailabilityDep,
    response: Response,
    facility: Annotated[Identifier, Query(description="where")],
    visit_type: Annotated[list[Code], Query(min_length=1, max_length=60, description="kinds of visits")],
    days: Annotated[int, Query(ge=1, le=31)] = 14,
) -> OpenTimesView:
    """Return what is open at a facility."""
    found = await availability.open_times.at(facility, visit_type, days, gate)
    response.headers["cache-control"] = f"public, max-age={KEPT_SECONDS}"
    return OpenTimesView(
        facility_id=facility,
        open_times=[OpenTimeView(
            visit_type=time.visit_type, starts_at=time.starts_at, ends_at=time.ends_at, places=time.places
        ) for time in found.times],
        searched_from=found.searched_from,
        searched_to=found.searched_to,
    )  # fmt: skip
