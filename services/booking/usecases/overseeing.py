"""Seeing a disruption through: how far it is, who was told when, whom to call, and noting a call."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from services.booking.domain.disruption import CLINICIAN, CallOutcome, DisruptedVisit, Disruption
from services.booking.ports import DisruptionStore, DisruptionWork, Facilities, Progress, Telling, UnitOfWork
from services.booking.usecases.touching import NOBODY, disrupted_resource, may_know
from services.contracts.security_labels import SecurityLabel
from services.kernel.access import Gate, Resource
from services.kernel.actor import Actor
from services.kernel.clock import Clock
from services.kernel.errors import Invalid, NotFound

LISTED = 50
Position = tuple[datetime, UUID]


@dataclass(frozen=True, slots=True)
class Standing:
    """A disruption and how far it is worked off, as far as the caller may see."""

    disruption: Disruption
    progress: Progress


@dataclass(frozen=True, slots=True)
class VisitPage:
    """Visits by start with the record of who was told when; ``next`` is where the following page begins."""

    items: tuple[tuple[DisruptedVisit, Sequence[Telling]], ...]
    next: Position | None


class OverseeDisruptions:
    """The clinic's side of a disruption."""

    def __init__(self, work: DisruptionWork, reads: UnitOfWork, clock: Clock) -> None:
        self._work = work
        self._reads = reads
        self._clock = clock

    async def listed(self, gate: Gate, facility_id: str, clinician_id: str) -> Sequence[Standing]:
        """Return the newest disruptions of a facility, or of a clinician's leave."""
        if bool(facility_id) == bool(clinician_id):
            raise Invalid("Say whose disruptions: of a facility_id or of a clinician_id.")
        async with self._work() as store:
            facilities = frozenset({facility_id} - {""})
            await store.audit(gate.require(_resource(clinician_id or facility_id, facilities, clinician_id)))
            found = (
                await store.of_facility(facility_id, LISTED)
                if facility_id
                else await store.of_clinician(clinician_id, LISTED)
            )
            seen = facilities or None
            return [Standing(one, await store.progress(one.id, seen)) for one in found]

    async def one(self, gate: Gate, disruption_id: str) -> Standing:
        """Return one; raise NotFound, also for a moment after leave was recorded, until booking has heard of it."""
        async with self._work() as store:
            disruption, seen = await self._allowed(gate, store, disruption_id)
            return Standing(disruption, await store.progress(disruption_id, seen))

    async def visits(self, gate: Gate, disruption_id: str, after: Position | None, limit: int) -> VisitPage:
        """Return its visits and who was told what when."""
        async with self._work() as store:
            _, seen = await self._allowed(gate, store, disruption_id)
            return await _page(gate, store, await store.visits(disruption_id, seen, after, limit + 1), limit)

    async def calls(self, gate: Gate, facility_id: str, after: Position | None, limit: int) -> VisitPage:
        """Return whom the front desk of a facility has to call, the soonest visit first."""
        async with self._work() as store:
            await store.audit(gate.require(_resource(facility_id, frozenset({facility_id}), "")))
            return await _page(gate, store, await store.to_call(facility_id, after, limit + 1), limit)

    async def note_call(self, gate: Gate, visit_id: UUID, outcome: CallOutcome) -> VisitPage:
        """Write down a call to the patient; who was reached counts as told."""
        now = self._clock.now()
        async with self._work() as store:
            visit = await store.visit(visit_id)
        if visit is None:
            raise NotFound("No such disrupted visit.")
        async with self._reads() as reads:
            known = await reads.patient(visit.patient_id, now)
        entry = gate.require(disrupted_resource(visit, known))
        async with self._work() as store:
            await store.tell(visit_id, Telling("call", "phone", outcome, "", gate.actor.subject, now))
            if outcome is CallOutcome.REACHED:
                await store.reached(visit_id, now)
            await store.audit(entry)
            after = await store.visit(visit_id)
            return await _page(gate, store, [after or visit], 1)

    async def _allowed(self, gate: Gate, store: DisruptionStore, disruption_id: str) -> tuple[Disruption, Facilities]:
        disruption = await store.disruption(disruption_id)
        if disruption is None:
            raise NotFound("No such disruption, or booking has not heard of it yet.")
        clinician_id = disruption.subject_id if disruption.kind == CLINICIAN else ""
        facilities = await store.facilities_of(disruption_id)
        if not clinician_id:
            facilities |= {disruption.subject_id}
        # One that touches no visit says no more than the schedule does: whoever plans anywhere may see that.
        entry = gate.require(_resource(disruption_id, facilities or gate.actor.facilities, clinician_id))
        await store.audit(entry)
        return disruption, _seen(gate.actor, clinician_id)


def _seen(actor: Actor, clinician_id: str) -> Facilities:
    """Return the facilities whose patients the actor may see, None for all."""
    if actor.everywhere or (clinician_id and actor.person == clinician_id):
        return None
    return actor.facilities


def _resource(id_: str, facilities: frozenset[str], clinician_id: str) -> Resource:
    return Resource("Disruption", id_, {"facilities": facilities, "clinician": clinician_id})


async def _page(gate: Gate, store: DisruptionStore, found: Sequence[DisruptedVisit], limit: int) -> VisitPage:
    """Return a page; labelled visits the reader may not know of are left out: the list names its patients."""
    listed = found[:limit]
    last = (listed[-1].starts_at, listed[-1].id) if len(found) > limit else None
    shown = [
        visit
        for visit in listed
        if visit.label == SecurityLabel.NORMAL or await may_know(store, gate, disrupted_resource(visit, NOBODY))
    ]
    told = await store.tellings([visit.id for visit in shown])
    return VisitPage(tuple((visit, told[visit.id]) for visit in shown), last)
