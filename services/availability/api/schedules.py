"""A clinician's schedule: templates, their own visit lengths."""

from datetime import date, datetime, time
from typing import Any
from uuid import UUID

from fastapi import APIRouter, Response, status
from pydantic import BaseModel, ConfigDict, Field

from services.availability.api.dependencies import AvailabilityDep
from services.availability.api.fields import Code, Identifier, PathId, WallTime
from services.availability.api.preconditions import IfMatch, IfNoneMatch, allowed, demanded, entity_tag
from services.availability.domain.absences import Leave
from services.availability.domain.templates import WEEK, Template, Weekday
from services.availability.ports import StoredTemplate
from services.kernel.http import GateDep, guard

router = APIRouter(tags=["schedules"])
_TAGGED = {"ETag": {"description": "the template's version", "schema": {"type": "string"}}}


class TemplateBody(BaseModel):
    """Weekly sessions by the facility's wall clock; ``ends`` at or before ``starts`` is on the next day."""

    model_config = ConfigDict(extra="forbid")

    facility_id: Identifier
    room_id: Identifier | None = None
    weekdays: list[Weekday] = Field(min_length=1, max_length=7)
    starts: WallTime = Field(examples=["08:00"])
    ends: WallTime = Field(examples=["17:00"])
    valid_from: date
    valid_until: date | None = None
    interval_weeks: int = Field(default=1, ge=1, le=52)
    grid_minutes: int = Field(default=20, ge=5, le=240)
    visit_types: list[Code] = Field(default=[], max_length=50, description="empty: every type of the specialty")
    depth: int = Field(default=1, ge=1, le=8, description="appointments that may overlap")
    observes_holidays: bool = True
    adaptive: bool = Field(
        default=False, description="grid, depth (up to `depth`) and a same-day reserve follow measured visits and risk"
    )

    def template(self, clinician_id: str, template_id: str) -> Template:
        """Return the template; raise Invalid when it breaks a rule."""
        return Template(
            template_id=template_id,
            clinician_id=clinician_id,
            facility_id=self.facility_id,
            room_id=self.room_id or "",
            weekdays=frozenset(self.weekdays),
            starts=time.fromisoformat(self.starts),
            ends=time.fromisoformat(self.ends),
            valid_from=self.valid_from,
            valid_until=self.valid_until,
            interval_weeks=self.interval_weeks,
            grid_minutes=self.grid_minutes,
            visit_types=frozenset(self.visit_types),
            depth=self.depth,
            observes_holidays=self.observes_holidays,
            adaptive=self.adaptive,
        )


class TemplateView(TemplateBody):
    """A template as it stands, with the version to name in If-Match."""

    template_id: str
    version: int


class LeaveView(BaseModel):
    """A leave of absence, its end exclusive."""

    leave_id: UUID
    clinician_id: str
    starts_at: datetime
    ends_at: datetime


class ScheduleView(BaseModel):
    """A schedule; ``waiting_for`` says in words why some templates have no slots yet."""

    clinician_id: str
    version: int
    templates: list[TemplateView]
    leave: list[LeaveView]
    visit_lengths: dict[str, int]
    waiting_for: list[str]


class VisitLength(BaseModel):
    """A clinician's own length of a visit type."""

    model_config = ConfigDict(extra="forbid")

    minutes: int = Field(ge=5, le=480)


def _guarded(action: str, *statuses: int, **created: Any) -> dict[str, Any]:
    """Return guard's arguments with the successful answers described too."""
    kwargs = guard(action, *statuses)
    return {**kwargs, "responses": {**kwargs["responses"], **created.get("answers", {})}}


@router.get("/clinicians/{clinician_id}/schedule", **guard("read-schedule", 404, 422))
async def read_schedule(clinician_id: PathId, gate: GateDep, availability: AvailabilityDep) -> ScheduleView:
    """Return a clinician's templates, coming leave and own visit lengths."""
    schedule = await availability.schedules.read(clinician_id, gate)
    return ScheduleView(
        clinician_id=clinician_id,
        version=schedule.version,
        templates=[template_view(stored) for stored in schedule.templates],
        leave=[leave_view(leave) for leave in schedule.leave],
        visit_lengths=dict(schedule.visit_lengths),
        waiting_for=list(schedule.waiting_for),
    )


@router.put(
    "/clinicians/{clinician_id}/templates/{template_id}",
    **_guarded(
        "manage-schedule", 400, 409, 412, 413, 422, 428,
        answers={200: {"headers": _TAGGED}, 201: {"model": TemplateView, "headers": _TAGGED}},
    ),
)  # fmt: skip
async def put_template(
    clinician_id: PathId,
    template_id: PathId,
    body: TemplateBody,
    response: Response,
    gate: GateDep,
    availability: AvailabilityDep,
    if_match: IfMatch = None,
    if_none_match: IfNoneMatch = None,
) -> TemplateView:
    """Create a template (If-None-Match: *) or replace it (If-Match); its slots follow at once."""
    template = body.template(clinician_id, template_id)
    precondition = demanded(if_match, if_none_match)
    version, created = await availability.schedules.put_template(template, precondition, gate)
    response.headers["etag"] = entity_tag(version)
    if created:
        response.status_code = status.HTTP_201_CREATED
        response.headers["location"] = f"/clinicians/{clinician_id}/schedule"
    return template_view(StoredTemplate(template, version))


@router.delete(
    "/clinicians/{clinician_id}/templates/{template_id}",
    status_code=status.HTTP_204_NO_CONTENT,
    **guard("manage-schedule", 404, 412, 422),
)
async def delete_template(
    clinician_id: PathId,
    template_id: PathId,
    gate: GateDep,
    availability: AvailabilityDep,
    if_match: IfMatch = None,
) -> None:
    """Remove a template and its open slots; appointments stay."""
    await availability.schedules.delete_template(clinician_id, template_id, allowed(if_match, None), gate)


@router.put(
    "/clinicians/{clinician_id}/visit-lengths/{visit_type}",
    status_code=status.HTTP_204_NO_CONTENT,
    **guard("manage-schedule", 400, 404, 413, 422),
)
async def put_visit_length(
    clinician_id: PathId, visit_type: PathId, body: VisitLength, gate: GateDep, availability: AvailabilityDep
) -> None:
    """Give the clinician their own length of a visit type."""
    await availability.schedules.set_visit_length(clinician_id, visit_type, body.minutes, gate)


@router.delete(
    "/clinicians/{clinician_id}/visit-lengths/{visit_type}",
    status_code=status.HTTP_204_NO_CONTENT,
    **guard("manage-schedule", 404, 422),
)
async def delete_visit_length(
    clinician_id: PathId, visit_type: PathId, gate: GateDep, availability: AvailabilityDep
) -> None:
    """Let the visit type's usual length apply again."""
    await availability.schedules.set_visit_length(clinician_id, visit_type, None, gate)


def template_view(stored: StoredTemplate) -> TemplateView:
    """Return a template as callers see it."""
    template = stored.template
    return TemplateView(
        template_id=template.template_id,
        version=stored.version,
        facility_id=template.facility_id,
        room_id=template.room_id or None,
        weekdays=[day for day in WEEK if day in template.weekdays],
        starts=f"{template.starts:%H:%M}",
        ends=f"{template.ends:%H:%M}",
        valid_from=template.valid_from,
        valid_until=template.valid_until,
        interval_weeks=template.interval_weeks,
        grid_minutes=template.grid_minutes,
        visit_types=sorted(template.visit_types),
        depth=template.depth,
        observes_holidays=template.observes_holidays,
        adaptive=template.adaptive,
    )


def leave_view(leave: Leave) -> LeaveView:
    """Return leave as callers see it."""
    return LeaveView(
        leave_id=leave.leave_id,
        clinician_id=leave.clinician_id,
        starts_at=leave.period.starts_at,
        ends_at=leave.period.ends_at,
    )
