"""Routes of reviewers: accesses to a patient, accesses by a user, refusals, emergency accesses."""

from datetime import date
from uuid import UUID

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict

from services.audit.api.fields import AskedDep, Instant, PatientId, ReviewDep, Subject, encode
from services.audit.ports import Kept, TrailQuery
from services.audit.usecases.review import Review
from services.kernel.access import Gate
from services.kernel.http import GateDep, guard

router = APIRouter(tags=["reviews"])


class AccessView(BaseModel):
    """One entry of the trail, and the link that proves it: number ``seq`` of the chain of ``service`` and ``day``."""

    model_config = ConfigDict(frozen=True, from_attributes=True)

    id: UUID
    at: Instant
    arrived_at: Instant
    service: str
    day: date
    seq: int
    action: str
    outcome: str
    subject: str
    roles: tuple[str, ...]
    person: str
    resource_type: str
    resource_id: str
    about: str
    reason: str
    policies: tuple[str, ...]
    facilities: tuple[str, ...]
    correlation_id: str

    @classmethod
    def of(cls, kept: Kept) -> "AccessView":
        """Return ``kept`` as reviewers see it."""
        of_entry = {name: getattr(kept.entry, name) for name in cls.model_fields if hasattr(kept.entry, name)}
        return cls(**of_entry, arrived_at=kept.arrived_at, day=kept.key.day, seq=kept.seq)


class AccessPage(BaseModel):
    """Entries, newest first; ``next`` is the cursor of the following page, "" on the last."""

    entries: list[AccessView]
    next: str


@router.get("/patients/{patient_id}/accesses", **guard("read-audit", 422))
async def who_saw_this_patient(review: ReviewDep, gate: GateDep, asked: AskedDep, patient_id: PatientId) -> AccessPage:
    """Tell who touched a patient's record, allowed or refused; at most 366 days at a time."""
    return await _page(review, gate, patient_id, asked.query(gate, about=patient_id))


@router.get("/users/{subject}/accesses", **guard("read-audit", 422))
async def what_did_this_user_see(review: ReviewDep, gate: GateDep, asked: AskedDep, subject: Subject) -> AccessPage:
    """Tell what a user, an app or a service's own process (`system:...`) touched; at most 366 days at a time."""
    return await _page(review, gate, subject, asked.query(gate, subject=subject))


@router.get("/refusals", **guard("read-audit", 422))
async def refusals(review: ReviewDep, gate: GateDep, asked: AskedDep) -> AccessPage:
    """Tell what was refused, by policy or for want of a valid token; at most 366 days at a time."""
    return await _page(review, gate, "refusals", asked.query(gate, only="refused"))


@router.get("/break-glass", **guard("read-audit", 422))
async def emergency_accesses(review: ReviewDep, gate: GateDep, asked: AskedDep) -> AccessPage:
    """Tell who broke the glass and what they saw (45 CFR 164.312(a)(2)(ii)); at most 366 days at a time."""
    return await _page(review, gate, "break-glass", asked.query(gate, only="break-glass"))


async def _page(review: Review, gate: Gate, what: str, query: TrailQuery) -> AccessPage:
    found = await review.ask(gate, what, query)
    more = encode(found[-1]) if len(found) == query.limit else ""
    return AccessPage(entries=[AccessView.of(kept) for kept in found], next=more)
