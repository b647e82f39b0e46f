"""What a patient is asked when a visit cannot take place: see the alternatives, take one, or say no."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Path, Query, Response
from pydantic import BaseModel, Field

from services.booking.api.commands import command, send
from services.booking.api.headers import Authorization, IdempotencyKey
from services.booking.api.models import ID, Body
from services.booking.api.parts import BookingDep
from services.booking.domain.disruption import DisruptedVisit, VisitState
from services.booking.usecases.answering import Proposal
from services.booking.usecases.repeating import submission
from services.contracts.slot_offer import SlotOffer
from services.kernel.http import GateDep, guard

router = APIRouter(tags=["alternatives"])
VisitId = Annotated[UUID, Path(description="id of the disrupted visit, from the patient's link")]


class AlternativeView(BaseModel):
    """An open slot; take it by its ``slot_id``."""

    slot: SlotOffer
    facility_name: str
    clinician_name: str
    distance_km: float | None


class DisruptedVisitView(BaseModel):
    """A visit that cannot take place as booked; an answer is waited for while it is open."""

    visit_id: UUID
    appointment_id: UUID
    patient_id: str
    clinician_id: str
    facility_id: str
    specialty: str
    visit_type: str
    starts_at: datetime
    timezone: str
    state: VisitState
    still_open: bool
    answer_by: datetime | None


class ProposalView(DisruptedVisitView):
    """The visit with its alternatives, best first."""

    alternatives: list[AlternativeView]
    alternatives_status: str = Field(description="ok, or unavailable when search was out")


class DisruptedVisits(BaseModel):
    """A patient's visits that an answer is waited for."""

    visits: list[DisruptedVisitView]


class AcceptBody(Body):
    """Which alternative."""

    slot_id: str = Field(pattern=ID)


@router.get("/disrupted-visits", **guard("read-own-appointments", 422))
async def list_own(
    gate: GateDep, booking: BookingDep, patient_id: Annotated[str, Query(pattern=ID)]
) -> DisruptedVisits:
    """Return a patient's visits that cannot take place as booked and for which no other time is found yet."""
    found = await booking.answer.of_patient(gate, booking.aliases.of(patient_id))
    return DisruptedVisits(visits=[DisruptedVisitView(**_fields(visit)) for visit in found])


@router.get("/disrupted-visits/{visit_id}", **guard("read-alternatives", 404, 422))
async def read_alternatives(visit_id: VisitId, gate: GateDep, booking: BookingDep) -> ProposalView:
    """Return the visit and what may be had instead. Reading books nothing."""
    return _view(await booking.answer.proposal(gate, visit_id))


@router.post("/disrupted-visits/{visit_id}/accept", **command("accept-alternative", 200, 404))
async def accept_alternative(
    visit_id: VisitId, body: AcceptBody, key: IdempotencyKey, gate: GateDep, authorization: Authorization,
    booking: BookingDep, response: Response,
) -> dict[str, Any]:  # fmt: skip
    """Move the visit to an alternative; 409 with new ones when somebody else was faster."""
    asked = submission(
        gate.actor.subject, key, "accept-alternative", {"visit_id": str(visit_id), "slot_id": body.slot_id}
    )
    return send(await booking.answer.accept(gate, asked, visit_id, body.slot_id, authorization), response)


@router.post("/disrupted-visits/{visit_id}/decline", **guard("decline-alternative", 404, 409, 422))
async def decline_alternatives(visit_id: VisitId, gate: GateDep, booking: BookingDep) -> DisruptedVisitView:
    """Say that none of them suits: the front desk calls. The alternatives can still be taken meanwhile."""
    return DisruptedVisitView(**_fields(await booking.answer.decline(gate, visit_id)))


def _fields(visit: DisruptedVisit) -> dict[str, Any]:
    return {
        "visit_id": visit.id, "appointment_id": visit.appointment_id, "patient_id": visit.patient_id,
        "clinician_id": visit.clinician_id, "facility_id": visit.facility_id, "specialty": visit.specialty,
        "visit_type": visit.visit_type, "starts_at": visit.starts_at, "timezone": visit.timezone,
        "state": visit.state, "still_open": visit.is_open, "answer_by": visit.answer_by,
    }  # fmt: skip


def _view(proposal: Proposal) -> ProposalView:
    shown = [AlternativeView.model_validate(item) for item in proposal.alternatives]
    return ProposalView(**_fields(proposal.visit), alternatives=shown, alternatives_status=proposal.status)
