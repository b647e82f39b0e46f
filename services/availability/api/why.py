"""Why a slot is as it is, for the people who answer for schedules."""

from dataclasses import asdict
from datetime import datetime

from fastapi import APIRouter
from pydantic import BaseModel

from services.availability.api.dependencies import AvailabilityDep
from services.availability.api.fields import PathId
from services.kernel.http import GateDep, guard

router = APIRouter(tags=["slots"])


class LengthView(BaseModel):
    """The slot's length in minutes, what it would be ``now``, and whether measured, chosen or the visit type's own."""

    minutes: int
    now: int
    source: str
    visits: int
    reasons: list[str]


class OutlookView(BaseModel):
    """What is expected of the session: idle, waiting and overtime minutes, the worst group's mean wait, the cost."""

    idle: float
    wait: float
    overtime: float
    worst_wait: float
    cost: float


class DepthView(BaseModel):
    """The session's depth: at most ``most``; ``lanes`` by start where more than one; mean risk unless of too few."""

    most: int
    lanes: dict[datetime, int]
    scored_visits: int
    mean_risk: float | None
    without_overbooking: OutlookView
    with_overbooking: OutlookView
    longest_wait: float
    stopped_by: str


class ReserveView(BaseModel):
    """The place is kept for urgent visits until ``opens_at``, ``hours_before`` it begins."""

    opens_at: datetime
    hours_before: int
    released: bool


class SurgeView(BaseModel):
    """Urgent demand by its usual level, and whether that is a surge."""

    index: float
    active: bool
    reason: str


class WhyView(BaseModel):
    """What a slot's id stands for and why it is so; ``reasons`` says in sentences what the parts say in numbers.

    ``depth`` 0: no working time holds it now. Parts of adaptive slotting are null for a fixed template.
    """

    slot_id: str
    clinician_id: str
    facility_id: str
    visit_type: str
    starts_at: datetime
    ends_at: datetime
    template_id: str | None
    depth: int
    length: LengthView
    depth_decision: DepthView | None
    reserve: ReserveView | None
    surge: SurgeView | None
    planned_at: datetime | None
    reasons: list[str]


@router.get("/slots/{slot_id}/why", **guard("explain-slot", 404, 422))
async def explain_slot(slot_id: PathId, gate: GateDep, availability: AvailabilityDep) -> WhyView:
    """Return which template, measurement, risk, cost and setting made this slot what it is."""
    found = await availability.explain.run(slot_id, gate)
    return WhyView.model_validate({**asdict(found), "slot_id": slot_id, "depth_decision": found.depth_part})
