"""The pairs of visits that a merge of patients left at one time, for whoever calls the patient about them."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Path, Query
from pydantic import AwareDatetime, BaseModel, ConfigDict

from services.booking.api.models import ID
from services.booking.api.parts import BookingDep
from services.kernel.http import GateDep, guard

router = APIRouter(tags=["reads"])


class SideView(BaseModel):
    """One of the two visits, as far as resolving needs it; the rest is read where one may."""

    model_config = ConfigDict(from_attributes=True)

    id: UUID
    version: int
    status: str
    facility_id: str
    clinician_id: str
    starts_at: AwareDatetime
    ends_at: AwareDatetime
    timezone: str


class DoubleBookingView(BaseModel):
    """Two visits of one patient at one time: move or cancel one of them."""

    model_config = ConfigDict(from_attributes=True)

    patient_id: str
    one: SideView
    other: SideView


class DoubleBookingList(BaseModel):
    """What is to be resolved at a facility, by start."""

    double_bookings: list[DoubleBookingView]


@router.get("/facilities/{facility_id}/double-bookings", **guard("read-day", 422))
async def list_double_bookings(
    gate: GateDep,
    booking: BookingDep,
    facility_id: Annotated[str, Path(pattern=ID)],
    limit: Annotated[int, Query(ge=1, le=200, description="most pairs to return")] = 50,
) -> DoubleBookingList:
    """Return visits of one patient at one time, left by a merge; one is enough to be at the facility."""
    found = await booking.double_bookings.at(gate, facility_id, limit)
    return DoubleBookingList(double_bookings=[DoubleBookingView.model_validate(pair) for pair in found])
