"""Leave of clinicians and closures of facilities."""

from datetime import datetime
from uuid import UUID

from fastapi import APIRouter, Response, status
from pydantic import BaseModel, ConfigDict, Field

from services.availability.api.dependencies import AvailabilityDep
from services.availability.api.fields import Day, Instant, PathId
from services.availability.api.schedules import LeaveView, leave_view
from services.availability.domain.absences import Closure
from services.availability.usecases.absences import Span
from services.kernel.errors import FieldError, Invalid
from services.kernel.http import GateDep, guard

router = APIRouter(tags=["absences"])


class AbsenceBody(BaseModel):
    """Either two instants (the end exclusive) or two local days (both included), never a mixture."""

    model_config = ConfigDict(extra="forbid")

    starts_at: Instant | None = None
    ends_at: Instant | None = None
    first_day: Day | None = Field(default=None, examples=["2027-01-04"])
    last_day: Day | None = Field(default=None, examples=["2027-01-08"])

    def span(self) -> Span:
        """Return when; raise Invalid unless exactly one of the two ways is used."""
        match (self.starts_at, self.ends_at, self.first_day, self.last_day):
            case (datetime() as starts, datetime() as ends, None, None):
                return Span(starts, ends)
            case (None, None, first, last) if first is not None and last is not None:
                return Span(first, last)
        told = "give starts_at and ends_at, or first_day and last_day"
        raise Invalid("The absence is not clear.", errors=[FieldError("body", told)])


class ClosureView(BaseModel):
    """A closure of a facility, its end exclusive."""

    closure_id: UUID
    facility_id: str
    starts_at: datetime
    ends_at: datetime


class ClosuresView(BaseModel):
    """The closures that have not ended."""

    closures: list[ClosureView]


@router.post(
    "/clinicians/{clinician_id}/leave",
    status_code=status.HTTP_201_CREATED,
    **guard("manage-leave", 400, 404, 413, 422),
)
async def record_leave(
    clinician_id: PathId, body: AbsenceBody, response: Response, gate: GateDep, availability: AvailabilityDep
) -> LeaveView:
    """Record leave; days are local days at every facility the clinician works at."""
    leave = await availability.leave.record(clinician_id, body.span(), gate)
    response.headers["location"] = f"/clinicians/{clinician_id}/leave/{leave.leave_id}"
    return leave_view(leave)


@router.delete(
    "/clinicians/{clinician_id}/leave/{leave_id}",
    status_code=status.HTTP_204_NO_CONTENT,
    **guard("manage-leave", 404, 422),
)
async def withdraw_leave(clinician_id: PathId, leave_id: UUID, gate: GateDep, availability: AvailabilityDep) -> None:
    """Withdraw leave; its slots are open again."""
    await availability.leave.withdraw(clinician_id, leave_id, gate)


@router.get("/facilities/{facility_id}/closures", **guard("manage-closure", 422))
async def list_closures(facility_id: PathId, gate: GateDep, availability: AvailabilityDep) -> ClosuresView:
    """Return the facility's closures that have not ended."""
    coming = await availability.closures.coming(facility_id, gate)
    return ClosuresView(closures=[_view(closure) for closure in coming])


@router.post(
    "/facilities/{facility_id}/closures",
    status_code=status.HTTP_201_CREATED,
    **guard("manage-closure", 400, 404, 413, 422),
)
async def record_closure(
    facility_id: PathId, body: AbsenceBody, response: Response, gate: GateDep, availability: AvailabilityDep
) -> ClosureView:
    """Record a closure; days are the facility's local days."""
    closure = await availability.closures.record(facility_id, body.span(), gate)
    response.headers["location"] = f"/facilities/{facility_id}/closures/{closure.closure_id}"
    return _view(closure)


@router.delete(
    "/facilities/{facility_id}/closures/{closure_id}",
    status_code=status.HTTP_204_NO_CONTENT,
    **guard("manage-closure", 404, 422),
)
async def withdraw_closure(facility_id: PathId, closure_id: UUID, gate: GateDep, availability: AvailabilityDep) -> None:
    """Withdraw a closure; its slots are open again."""
    await availability.closures.withdraw(facility_id, closure_id, gate)


def _view(closure: Closure) -> ClosureView:
    return ClosureView(
        closure_id=closure.closure_id,
        facility_id=closure.facility_id,
        starts_at=closure.period.starts_at,
        ends_at=closure.period.ends_at,
    )
