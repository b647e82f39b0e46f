"""A patient's answer to a disruption: see the alternatives, take one, or say no. Staff may answer for them by phone."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from services.booking.domain.disruption import Cause, DisruptedVisit
from services.booking.ports import Answer, DisruptionStore, DisruptionWork, Question, Register, Submission, UnitOfWork
from services.booking.usecases.changing import ANY_VERSION
from services.booking.usecases.replacing import FindReplacements
from services.booking.usecases.taking import Request, TakeSlots
from services.booking.usecases.touching import disrupted_resource, patient_resource
from services.kernel.access import Gate
from services.kernel.clock import Clock
from services.kernel.errors import Conflict, NotFound

# Offers last thirty minutes (contracts.slot_offer); who looks should have ten of them left to decide.
FRESH = timedelta(minutes=20)
# These say that the slot cannot be had; others may.
LOST = frozenset({"offer-expired", "slot-taken", "slot-withdrawn", "patient-busy", "too-late"})
SETTLED = "This has been settled; look at your visits."


@dataclass(frozen=True, slots=True)
class Proposal:
    """A disrupted visit with what may be had instead; ``status`` is ``ok``, or ``unavailable`` when search was out."""

    visit: DisruptedVisit
    alternatives: Sequence[Mapping[str, Any]]
    status: str


class AnswerDisruptions:
    """The patient's side of a disruption."""

    def __init__(
        self, work: DisruptionWork, reads: UnitOfWork, register: Register, take: TakeSlots, replace: FindReplacements,
        clock: Clock,
    ) -> None:  # fmt: skip
        self._work = work
        self._reads = reads
        self._register = register
        self._take = take
        self._replace = replace
        self._clock = clock

    async def of_patient(self, gate: Gate, patient_id: str) -> Sequence[DisruptedVisit]:
        """Return a patient's visits that an answer is waited for, by start."""
        async with self._reads() as reads:
            known = await reads.patient(patient_id, self._clock.now())
        entry = gate.require(patient_resource(patient_id, known))
        async with self._work() as store:
            await store.audit(entry)
            return await store.open_of_patient(patient_id)

    async def proposal(self, gate: Gate, visit_id: UUID) -> Proposal:
        """Return the visit and what may be had instead, searched anew unless that was just done."""
        visit = await self._allowed(gate, visit_id)
        if not visit.is_open:
            return Proposal(visit, (), "ok")
        since = visit.searched_at
        if since is not None and self._clock.now() - since < FRESH and visit.alternatives:
            return Proposal(visit, visit.alternatives, "ok")
        return Proposal(visit, *await self._replace.renewed(visit))

    async def accept(
        self, gate: Gate, submission: Submission, visit_id: UUID, slot_id: str, authorization: str
    ) -> Answer:
        """Move the visit to the alternative ``slot_id``; Conflict with new ones when somebody else has it."""
        visit = await self._allowed(gate, visit_id)
        earlier = await self._register.look(Question(self._clock.now(), submission))
        if earlier.stored is None and not visit.is_open:
            raise Conflict(SETTLED, slug="settled")
        token = _token(visit.alternatives, slot_id)
        if not token and earlier.stored is None:
            raise await self._lost(visit, Conflict("This time is not among those offered.", slug="slot-taken"))
        try:
            return await self._move(gate, submission, visit, token, authorization)
        except Conflict as refusal:
            if refusal.slug not in LOST:
                raise
            items, status = await self._replace.renewed(visit)
            fresh = _token(items, slot_id)
            if refusal.slug != "offer-expired" or not fresh:
                raise _with(refusal, items, status) from None
        # The offer had run out, the slot is still there.
        try:
            return await self._move(gate, submission, visit, fresh, authorization)
        except Conflict as refusal:
            raise await self._lost(visit, refusal) from None

    async def decline(self, gate: Gate, visit_id: UUID) -> DisruptedVisit:
        """Note that none of them suits: somebody calls. A repetition changes nothing."""
        visit = await self._allowed(gate, visit_id)
        if not visit.is_open:
            raise Conflict(SETTLED, slug="settled")
        async with self._work() as store:
            await store.call_about(visit_id, Cause.DECLINED, self._clock.now())
            return await _known(store, visit_id)

    async def _move(
        self, gate: Gate, submission: Submission, visit: DisruptedVisit, token: str, authorization: str
    ) -> Answer:
        request = Request(gate, submission, token, authorization)
        return await self._take.move(request, visit.appointment_id, frozenset({ANY_VERSION}))

    async def _lost(self, visit: DisruptedVisit, refusal: Conflict) -> Conflict:
        return _with(refusal, *await self._replace.renewed(visit))

    async def _allowed(self, gate: Gate, visit_id: UUID) -> DisruptedVisit:
        async with self._work() as store:
            visit = await _known(store, visit_id)
        async with self._reads() as reads:
            known = await reads.patient(visit.patient_id, self._clock.now())
            await reads.audit(gate.require(disrupted_resource(visit, known)))
        return visit


async def _known(store: DisruptionStore, visit_id: UUID) -> DisruptedVisit:
    visit = await store.visit(visit_id)
    if visit is None:
        raise NotFound("No such disrupted visit.")
    return visit


def _token(items: Sequence[Mapping[str, Any]], slot_id: str) -> str:
    return next((str(item["offer"]) for item in items if item["slot"]["slot_id"] == slot_id), "")


def _with(refusal: Conflict, items: Sequence[Mapping[str, Any]], status: str) -> Conflict:
    more = {"alternatives": list(items), "alternatives_status": status}
    return Conflict(refusal.detail, slug=refusal.slug, extra=more)
