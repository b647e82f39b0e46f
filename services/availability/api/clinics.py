"""Clinics of a clinician: starts with many places, such as flu shots."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Response, status
from pydantic import BaseModel, ConfigDict, Field

from services.availability.api.dependencies import AvailabilityDep
from services.availability.api.fields import Code, Identifier, Instant, PathId
from services.availability.domain.clinics import Clinic
from services.availability.domain.sessions import Period
from services.availability.usecases.clinics import ClinicWish
from services.contracts.slot_offer import MOST_PLACES
from services.kernel.errors import FieldError, Invalid
from services.kernel.http import GateDep, guard

router = APIRouter(tags=["clinics"])


class ClinicBody(BaseModel):
    """A clinic: starts every ``minutes`` from ``starts_at`` on, each for ``capacity`` patients."""

    model_config = ConfigDict(extra="forbid")

    facility_id: Identifier
    room_id: Identifier | None = None
    visit_type: Code
    starts_at: Instant
    ends_at: Instant
    minutes: Annotated[int, Field(ge=5, le=480, description="from one start to the next")]
    capacity: Annotated[int, Field(ge=1, le=MOST_PLACES, description="patients at each start")]


class ClinicView(ClinicBody):
    """A clinic as it is published."""

    clinic_id: UUID
    starts_at: datetime
    ends_at: datetime


class ClinicsView(BaseModel):
    """The clinics that have not ended."""

    clinics: list[ClinicView]


@router.post(
    "/clinicians/{clinician_id}/clinics",
    status_code=status.HTTP_201_CREATED,
    **guard("manage-schedule", 400, 404, 409, 413, 422),
)
async def publish_clinic(
    clinician_id: PathId, body: ClinicBody, response: Response, gate: GateDep, availability: AvailabilityDep
) -> ClinicView:
    """Publish a clinic; search offers its starts from then on, each until its places are taken."""
    if body.ends_at <= body.starts_at:
        raise Invalid("The clinic cannot be published.", errors=[FieldError("body/ends_at", "must be after starts_at")])
    wish = ClinicWish(
        body.facility_id, body.room_id or "", body.visit_type, Period(body.starts_at, body.ends_at), body.minutes,
        body.capacity,
    )  # fmt: skip
    clinic = await availability.clinics.publish(clinician_id, wish, gate)
    response.headers["location"] = f"/clinicians/{clinician_id}/clinics/{clinic.clinic_id}"
    return _view(clinic)


@router.get("/clinicians/{clinician_id}/clinics", **guard("manage-schedule", 404, 422))
async def list_clinics(clinician_id: PathId, gate: GateDep, availability: AvailabilityDep) -> ClinicsView:
    """Return the clinician's clinics that have not ended."""
    return ClinicsView(clinics=[_view(clinic) for clinic in await availability.clinics.coming(clinician_id, gate)])


@router.delete(
    "/clinicians/{clinician_id}/clinics/{clinic_id}",
    status_code=status.HTTP_204_NO_CONTENT,
    **guard("manage-schedule", 404, 422),
)
async def withdraw_clinic(clinician_id: PathId, clinic_id: UUID, gate: GateDep, availability: AvailabilityDep) -> None:
    """Offer a clinic's places no more; what is booked stays."""
    await availability.clinics.withdraw(clinician_id, clinic_id, gate)


def _view(clinic: Clinic) -> ClinicView:
    return ClinicView(
        clinic_id=clinic.clinic_id, facility_id=clinic.facility_id, room_id=clinic.room_id or None,
        visit_type=clinic.visit_type, starts_at=clinic.period.starts_at, ends_at=clinic.period.ends_at,
        minutes=clinic.minutes, capacity=clinic.capacity,
    )  # fmt: skip
