"""What working off disruptions needs: a store in one transaction, and a search of its own."""

from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

from services.booking.domain.disruption import Candidate, DisruptedVisit, Disruption
from services.kernel.audit import AuditEntry

Facilities = Collection[str] | None


@dataclass(frozen=True, slots=True)
class Telling:
    """One attempt to tell a patient: a message by ``channel``, or a call; ``told_by`` is who called."""

    kind: str
    channel: str
    outcome: str
    reason: str
    told_by: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a disruption is worked off, in numbers of visits.

    ``states`` adds up to ``affected``. So do ``told``, ``not_reached`` (by reason) and ``on_the_way``.
    """

    affected: int
    told: int
    on_the_way: int
    not_reached: Mapping[str, int]
    states: Mapping[str, int]
    to_call: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Wanted:
    """What to search for: slots like a visit's, beginning in [since, until)."""

    clinician_id: str
    facility_id: str
    specialty: str
    visit_type: str
    since: datetime
    until: datetime


class Replacements(Protocol):
    """Availability's search, one hop away, asked as booking itself. Raises Unavailable when it cannot be had."""

    async def like(self, wanted: Wanted) -> Sequence[Candidate]:
        """Return open slots of the clinician, of the facility, and of facilities nearby."""
        ...


class DisruptionStore(Protocol):
    """Disruptions and their visits, bound to one transaction. ``Facilities`` of None are all of them."""

    async def running(self, now: datetime) -> Sequence[Disruption]:
        """Return those that are neither withdrawn nor over."""
        ...

    async def find_visits(self, disruption: Disruption, now: datetime) -> int:
        """Add visits that lie under it and are worked off nowhere; return how many."""
        ...

    async def found(self, limit: int) -> Sequence[DisruptedVisit]:
        """Return visits nobody was asked about yet, the soonest first."""
        ...

    async def waiting_since(self, visit_ids: Collection[UUID]) -> datetime | None:
        """Return when the first of them was found."""
        ...

    async def shown(self, slot_ids: Collection[str]) -> Mapping[str, int]:
        """Return how many open visits each of the slots is shown to."""
        ...

    async def ask(
        self, visit: DisruptedVisit, alternatives: Sequence[Mapping[str, Any]], answer_by: datetime, now: datetime
    ) -> bool:
        """Keep the alternatives and tell of the visit; False when somebody was faster."""
        ...

    async def give_up_waiting(self, now: datetime) -> int:
        """Put those who did not answer in time on the list of calls; return how many."""
        ...

    async def last_moment(self, until: datetime, limit: int) -> Sequence[tuple[Disruption, DisruptedVisit]]:
        """Return open visits that start by ``until``, checked in ones and those begun before left out."""
        ...

    async def call_about(self, visit_id: UUID, cause: str, now: datetime) -> None:
        """Put an open visit on the list of calls."""
        ...

    async def disruption(self, disruption_id: str) -> Disruption | None:
        """Return one."""
        ...

    async def facilities_of(self, disruption_id: str) -> frozenset[str]:
        """Return the facilities of its visits."""
        ...

    async def of_facility(self, facility_id: str, limit: int) -> Sequence[Disruption]:
        """Return its closures and the leaves that touch visits there, the newest first."""
        ...

    async def of_clinician(self, clinician_id: str, limit: int) -> Sequence[Disruption]:
        """Return the disruptions of a clinician's leave, the newest first."""
        ...

    async def progress(self, disruption_id: str, facilities: Facilities) -> Progress:
        """Return how far it is worked off at ``facilities``."""
        ...

    async def visits(
        self, disruption_id: str, facilities: Facilities, after: tuple[datetime, UUID] | None, limit: int
    ) -> Sequence[DisruptedVisit]:
        """Return its visits by start."""
        ...

    async def to_call(
        self, facility_id: str, after: tuple[datetime, UUID] | None, limit: int
    ) -> Sequence[DisruptedVisit]:
        """Return a facility's visits that somebody has to call about, by start."""
        ...

    async def tellings(self, visit_ids: Collection[UUID]) -> Mapping[UUID, Sequence[Telling]]:
        """Return who was told what when, oldest first."""
        ...

    async def visit(self, visit_id: UUID) -> DisruptedVisit | None:
        """Return one visit."""
        ...

    async def open_of_patient(self, patient_id: str) -> Sequence[DisruptedVisit]:
        """Return a patient's open visits by start."""
        ...

    async def keep_alternatives(self, visit_id: UUID, items: Sequence[Mapping[str, Any]], now: datetime) -> None:
        """Keep newer alternatives of an open visit."""
        ...

    async def tell(self, visit_id: UUID, telling: Telling) -> None:
        """Write down one attempt; it never changes."""
        ...

    async def reached(self, visit_id: UUID, at: datetime) -> None:
        """Note that the patient knows since ``at``."""
        ...

    async def audit(self, entry: AuditEntry) -> None:
        """Write a touch down."""
        ...


DisruptionWork = Callable[[], AbstractAsyncContextManager[DisruptionStore]]
