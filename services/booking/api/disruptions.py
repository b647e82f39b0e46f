"""Disruptions over HTTP, for the clinic: progress, who was told when, whom to call.

Recording leave or a closure at availability opens one; its id is that of the leave or the closure.
"""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Path, Query
from pydantic import BaseModel, Field

from services.booking.api.models import ID, POSITION, Body, position_of, position_text
from services.booking.api.parts import BookingDep
from services.booking.domain.disruption import CallOutcome, VisitState
from services.booking.usecases.overseeing import Standing, VisitPage
from services.kernel.http import GateDep, guard

router = APIRouter(tags=["disruptions"])
DisruptionId = Annotated[str, Path(pattern=ID, description="id of the leave or closure")]
VisitId = Annotated[UUID, Path(description="id of the disrupted visit")]
After = Annotated[str | None, Query(pattern=POSITION, description="'next' of the page before")]
Limit = Annotated[int, Query(ge=1, le=200, description="most visits in one page")]


class DisruptionView(BaseModel):
    """A leave or closure that lies over booked visits, and how far they are worked off.

    ``states`` adds up to ``affected``, and so do ``told``, ``on_the_way`` and the numbers of ``not_reached``.
    """

    disruption_id: str
    kind: str = Field(description="clinician or facility")
    subject_id: str = Field(description="who is away, or what is closed")
    starts_at: datetime
    ends_at: datetime
    opened_at: datetime
    withdrawn_at: datetime | None
    affected: int
    still_open: int
    told: int = Field(description="patients whom a message or a call has reached")
    on_the_way: int = Field(description="nothing is known of their message yet")
    not_reached: dict[str, int] = Field(description="patients no message can reach, by reason")
    states: dict[VisitState, int]
    to_call: dict[str, int] = Field(description="visits somebody has to call about, by cause")


class DisruptionList(BaseModel):
    """The newest disruptions."""

    disruptions: list[DisruptionView]


class TellingView(BaseModel):
    """One attempt to tell the patient: a message, or a call by ``told_by``."""

    kind: str
    channel: str
    outcome: str
    reason: str
    told_by: str
    at: datetime


class VisitRecordView(BaseModel):
    """A disrupted visit as it stood, what has come of it, and who was told what when."""

    visit_id: UUID
    disruption_id: str
    appointment_id: UUID
    patient_id: str
    clinician_id: str
    facility_id: str
    visit_type: str
    starts_at: datetime
    timezone: str
    state: VisitState
    cause: str = Field(description="why somebody has to call, or what it was passed on to")
    answer_by: datetime | None
    told_at: datetime | None
    not_reached: str = Field(description="why no message reached the patient, else empty")
    tellings: list[TellingView]


class VisitRecords(BaseModel):
    """Disrupted visits by start; pass ``next`` as ``after`` for the following page."""

    visits: list[VisitRecordView]
    next: str | None


class CallBody(Body):
    """What came of a call to the patient."""

    outcome: CallOutcome


@router.get("/disruptions", **guard("read-disruption", 422))
async def list_disruptions(
    gate: GateDep,
    booking: BookingDep,
    facility_id: Annotated[str, Query(pattern=ID)] | None = None,
    clinician_id: Annotated[str, Query(pattern=ID)] | None = None,
) -> DisruptionList:
    """Return the newest disruptions of a facility, or of a clinician's leave; numbers are of what one may see."""
    found = await booking.oversee.listed(gate, facility_id or "", clinician_id or "")
    return DisruptionList(disruptions=[_view(one) for one in found])


@router.get("/disruptions/{disruption_id}", **guard("read-disruption", 404, 422))
async def read_disruption(disruption_id: DisruptionId, gate: GateDep, booking: BookingDep) -> DisruptionView:
    """Return how far a disruption is worked off; ask again to follow it."""
    return _view(await booking.oversee.one(gate, disruption_id))


@router.get("/disruptions/{disruption_id}/visits", **guard("read-disruption", 404, 422))
async def list_disrupted_visits(
    disruption_id: DisruptionId, gate: GateDep, booking: BookingDep, after: After = None, limit: Limit = 100
) -> VisitRecords:
    """Return each visit of a disruption with the record of who was told when."""
    return _records(await booking.oversee.visits(gate, disruption_id, position_of(after), limit))


@router.get("/facilities/{facility_id}/calls", **guard("read-disruption", 422))
async def list_calls(
    gate: GateDep,
    booking: BookingDep,
    facility_id: Annotated[str, Path(pattern=ID)],
    after: After = None,
    limit: Limit = 100,
) -> VisitRecords:
    """Return whom the front desk has to call: not reached, no answer in time, said no, or already here."""
    return _records(await booking.oversee.calls(gate, facility_id, position_of(after), limit))


@router.post("/disrupted-visits/{visit_id}/calls", status_code=201, **guard("record-call", 400, 404, 413, 422))
async def record_call(visit_id: VisitId, body: CallBody, gate: GateDep, booking: BookingDep) -> VisitRecordView:
    """Note a call to the patient; who was reached counts as told."""
    return _records(await booking.oversee.note_call(gate, visit_id, body.outcome)).visits[0]


def _view(standing: Standing) -> DisruptionView:
    one, progress = standing.disruption, standing.progress
    still_open = sum(progress.states[state] for state in (VisitState.FOUND, VisitState.ASKED, VisitState.TO_CALL))
    return DisruptionView(
        disruption_id=one.id, kind=one.kind, subject_id=one.subject_id, starts_at=one.starts_at, ends_at=one.ends_at,
        opened_at=one.opened_at, withdrawn_at=one.withdrawn_at, affected=progress.affected, still_open=still_open,
        told=progress.told, on_the_way=progress.on_the_way, not_reached=dict(progress.not_reached),
        states={VisitState(name): count for name, count in progress.states.items()}, to_call=dict(progress.to_call),
    )  # fmt: skip


def _records(page: VisitPage) -> VisitRecords:
    views = [
        VisitRecordView(
            visit_id=visit.id, disruption_id=visit.disruption_id, appointment_id=visit.appointment_id,
            patient_id=visit.patient_id, clinician_id=visit.clinician_id, facility_id=visit.facility_id,
            visit_type=visit.visit_type, starts_at=visit.starts_at, timezone=visit.timezone, state=visit.state,
            cause=visit.cause, answer_by=visit.answer_by, told_at=visit.told_at, not_reached=visit.not_reached,
            tellings=[
                TellingView(
                    kind=one.kind, channel=one.channel, outcome=one.outcome, reason=one.reason, told_by=one.told_by,
                    at=one.at,
                )
                for one in tellings
            ],
        )
        for visit, tellings in page.items
    ]  # fmt: skip
    return VisitRecords(visits=views, next=position_text(page.next) if page.next else None)
