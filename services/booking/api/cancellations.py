"""What cancelling would mean, told before it is done, and the rules of when it is late."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from services.booking.api.models import ID, Body
from services.booking.api.parts import BookingDep
from services.booking.domain.lateness import LONGEST_HOURS, LateRule
from services.booking.domain.reasons import DISPLAY, SYSTEM, CancelReason
from services.kernel.http import GateDep, guard

router = APIRouter(tags=["cancellations"])
Whose = Annotated[str, Query(pattern=ID, description="a facility")]
# "" stands for every one: said in words, because an empty parameter is too easily sent by mistake.
EVERY = "every"


class ReasonView(BaseModel):
    """A reason as FHIR codes it."""

    system: str = SYSTEM
    code: CancelReason
    display: str


class OutlookView(BaseModel):
    """What cancelling now would mean. It is never refused for being late."""

    late: bool
    late_hours: int = Field(description="hours before the start within which it is late; 0: never")
    late_from: datetime | None
    reasons: list[ReasonView] = Field(description="those this caller may give")


class RuleView(BaseModel):
    """A rule; ``every`` stands for all facilities or all visit types."""

    facility_id: str
    visit_type: str
    hours: int


class RulesView(BaseModel):
    """The rules for a facility. The one that names facility and visit type counts first, then the facility's."""

    rules: list[RuleView]
    otherwise_hours: int


class RuleBody(Body):
    """From how many hours before the start on cancelling is late; 0: never."""

    facility_id: str = Field(pattern=ID, description="a facility, or 'every'")
    visit_type: str = Field(default=EVERY, pattern=ID, description="a visit type, or 'every'")
    hours: int = Field(ge=0, le=LONGEST_HOURS)


@router.get("/appointments/{appointment_id}/cancellation", **guard("read-appointment", 404, 409, 422))
async def read_outlook(appointment_id: UUID, gate: GateDep, booking: BookingDep) -> OutlookView:
    """Return whether cancelling this appointment now counts as late, and the reasons that can be given."""
    outlook = await booking.late.outlook(gate, appointment_id)
    return OutlookView(
        late=outlook.late, late_hours=outlook.hours, late_from=outlook.late_from,
        reasons=[ReasonView(code=reason, display=DISPLAY[reason]) for reason in outlook.reasons],
    )  # fmt: skip


@router.get("/late-cancel-rules", **guard("manage-late-cancel", 422))
async def list_rules(gate: GateDep, booking: BookingDep, facility_id: Whose) -> RulesView:
    """Return the rules that apply at a facility."""
    rules, otherwise = await booking.late.rules_of(gate, facility_id)
    return RulesView(rules=[_view(rule) for rule in rules], otherwise_hours=otherwise)


@router.put("/late-cancel-rules", **guard("manage-late-cancel", 400, 413, 422))
async def set_rule(body: RuleBody, gate: GateDep, booking: BookingDep) -> RuleView:
    """Set when cancelling is late at a facility, for a visit type, or both."""
    rule = LateRule(_id(body.facility_id), _id(body.visit_type), body.hours)
    return _view(await booking.late.set_rule(gate, rule))


@router.delete("/late-cancel-rules", status_code=204, **guard("manage-late-cancel", 404, 422))
async def drop_rule(
    gate: GateDep, booking: BookingDep, facility_id: Whose, visit_type: Annotated[str, Query(pattern=ID)] = EVERY
) -> None:
    """Remove a rule."""
    await booking.late.drop_rule(gate, _id(facility_id), _id(visit_type))


def _id(told: str) -> str:
    return "" if told == EVERY else told


def _view(rule: LateRule) -> RuleView:
    return RuleView(facility_id=rule.facility_id or EVERY, visit_type=rule.visit_type or EVERY, hours=rule.hours)
