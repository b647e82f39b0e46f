"""What booking's use cases need from outside, each as small as it can be."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Protocol
from uuid import UUID

from services.booking.domain.appointment import Appointment, Change
from services.booking.domain.claims import Taken
from services.booking.domain.double_bookings import DoubleBooking
from services.booking.domain.feed import Cursor, ToldChange
from services.booking.domain.freed import FreedSlot
from services.contracts.security_labels import SecurityLabel
from services.contracts.slot_offer import SlotOffer
from services.kernel.audit import AuditEntry


@dataclass(frozen=True, slots=True)
class Submission:
    """One request with an effect: who sends it under which idempotency key, and a hash of what it asks for."""

    subject: str
    key: str
    fingerprint: bytes


@dataclass(frozen=True, slots=True)
class Answer:
    """What the caller is told, kept so that a repetition is told the same; ``body`` is JSON-ready."""

    status: int
    body: Mapping[str, Any]
    etag: str


@dataclass(frozen=True, slots=True)
class Stored:
    """An answer given earlier under the same key, and the hash of the request that got it."""

    fingerprint: bytes
    answer: Answer


@dataclass(frozen=True, slots=True)
class Question:
    """What a command wants to see before it decides; None for what it does not touch."""

    now: datetime
    submission: Submission | None = None
    appointment_id: UUID | None = None
    patient_id: str | None = None
    offer: SlotOffer | None = None
    freed_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class Look:
    """What was seen, all of it at one moment.

    ``proxies`` are the persons who may act for the patient now, ``confidants`` those of them who know of restricted
    visits; ``label`` is that of the offer's visit type; ``blocked`` says that leave or a closure overlaps the
    offer; ``taken`` holds the claims on the offer's lanes and the patient over the offer's period; ``freed`` is the
    freed slot that is to be taken; ``waiting`` says that somebody waits for a slot like the appointment's.
    """

    stored: Stored | None = None
    appointment: Appointment | None = None
    proxies: frozenset[str] = frozenset()
    confidants: frozenset[str] = frozenset()
    label: SecurityLabel = SecurityLabel.NORMAL
    patient_active: bool = True
    blocked: bool = False
    taken: tuple[Taken, ...] = ()
    freed: FreedSlot | None = None
    waiting: bool = False


@dataclass(frozen=True, slots=True)
class Writing:
    """A decision to change something: everything that must commit together.

    The first of ``audit`` names the actor of the history. ``expired`` are holds and freed slots to be ended first,
    because they stand where the change wants to go. ``leaves`` is the freed slot the change leaves behind, ``takes``
    the one (already as taken) whose place it gets.
    """

    change: Change
    answer: Answer
    audit: tuple[AuditEntry, ...]
    expired: frozenset[UUID] = frozenset()
    leaves: FreedSlot | None = None
    takes: FreedSlot | None = None


@dataclass(frozen=True, slots=True)
class Replay:
    """A decision to repeat an earlier answer; only the touch is written down."""

    answer: Answer
    audit: AuditEntry


Decide = Callable[[Look], Writing | Replay]


class Register(Protocol):
    """The register of appointments, where races are settled."""

    async def look(self, question: Question) -> Look:
        """Return what is there, without writing or waiting."""
        ...

    async def carry_out(self, question: Question, decide: Decide) -> Answer:
        """Look, decide, commit; when someone was faster, look and decide again. ``decide`` refuses by raising.

        Raises SlotTaken when the place was lost more often than lanes can explain, Unavailable when the database
        cannot be had in time.
        """
        ...

    async def end_expired(self, now: datetime, limit: int) -> int:
        """End at most ``limit`` holds that ran out by ``now``; return how many."""
        ...

    async def end_freed(self, now: datetime, limit: int) -> int:
        """End at most ``limit`` freed slots that ran out by ``now``; return how many."""
        ...


class FreedStore(Protocol):
    """Freed slots, bound to one transaction."""

    async def locked(self, freed_id: UUID) -> FreedSlot | None:
        """Return one, locked until the transaction ends."""
        ...

    async def change(self, freed: FreedSlot) -> None:
        """Write the next version of a locked one, move or remove its claims, and tell it."""
        ...

    async def audit(self, entry: AuditEntry) -> None:
        """Write a touch down."""
        ...


FreedWork = Callable[[], AbstractAsyncContextManager[FreedStore]]


@dataclass(frozen=True, slots=True)
class RecordedChange:
    """One row of the history, with the event it told."""

    cursor: Cursor
    appointment_id: UUID
    version: int
    action: str
    from_status: str
    to_status: str
    actor_subject: str
    actor_roles: tuple[str, ...]
    reason: str
    at: datetime
    facility_id: str
    former_facility_id: str
    event_type: str
    event: Mapping[str, Any]


class DoubleBookings(Protocol):
    """Knows where a patient has two visits at one time."""

    async def at(self, facility_id: str, now: datetime, limit: int) -> Sequence[DoubleBooking]:
        """Return the pairs, not yet over at ``now``, of which at least one visit is at the facility, by start."""
        ...


class Feed(Protocol):
    """The history in an order that loses nothing, however transactions overlap."""

    async def head(self) -> Cursor:
        """Return a cursor after which everything that is not visible yet will come."""
        ...

    async def after(self, cursor: Cursor, limit: int) -> Sequence[RecordedChange]:
        """Return at most ``limit`` changes of appointments after ``cursor``, oldest first."""
        ...

    async def all_after(self, cursor: Cursor, limit: int) -> Sequence[ToldChange]:
        """Return at most ``limit`` changes of appointments and freed slots after ``cursor``, oldest first."""
        ...


@dataclass(frozen=True, slots=True)
class PatientRecord:
    """What booking knows of a patient: who may act for them (``confidants``: and knows of restricted visits), and
    which facilities know them."""

    proxies: frozenset[str]
    facilities: frozenset[str]
    confidants: frozenset[str] = frozenset()


class Store(Protocol):
    """Reads and the audit trail, bound to one transaction."""

    async def appointment(self, appointment_id: UUID) -> Appointment | None:
        """Return one appointment or hold."""
        ...

    async def history(self, appointment_id: UUID, limit: int) -> Sequence[RecordedChange]:
        """Return its changes, oldest first."""
        ...

    async def patient(self, patient_id: str, now: datetime) -> PatientRecord:
        """Return what is known of a patient; empty sets for one never heard of."""
        ...

    async def of_patient(
        self, patient_id: str, starting: datetime | None, after: tuple[datetime, UUID] | None, limit: int
    ) -> Sequence[Appointment]:
        """Return a patient's appointments by start, those after the position ``after`` (start, id)."""
        ...

    async def of_day(
        self, facility_id: str, day: date, after: tuple[datetime, UUID] | None, limit: int, *, cancelled: bool
    ) -> Sequence[Appointment]:
        """Return a facility's appointments on ``day`` of its own calendar by start; cancelled ones when asked."""
        ...

    async def booked_of(self, visit_type: str, now: datetime) -> Mapping[str, int]:
        """Return how many visits of a kind are booked from ``now`` on, by facility."""
        ...

    async def audit(self, entry: AuditEntry) -> None:
        """Write a touch down."""
        ...


UnitOfWork = Callable[[], AbstractAsyncContextManager[Store]]


class Projections(Protocol):
    """What booking remembers of its neighbours' events, bound to the transaction of the inbox row."""

    async def record_block(
        self, block_id: str, kind: str, subject_id: str, starts_at: datetime, ends_at: datetime
    ) -> None:
        """Remember a leave (``kind`` clinician) or closure (``kind`` facility), unless it was withdrawn before."""
        ...

    async def withdraw_block(self, block_id: str, kind: str, subject_id: str) -> None:
        """Remember that it is no more, for good, even when it was never recorded."""
        ...

    async def record_patient(self, patient_id: str, version: int, facilities: Sequence[str], *, active: bool) -> None:
        """Remember a patient's facilities, unless a newer version is known."""
        ...

    async def record_proxy(
        self, proxy_id: str, version: int, patient_id: str, person: str, expires_at: datetime,
        confidential_until: datetime | None, *, active: bool,
    ) -> None:  # fmt: skip
        """Remember who may act for a patient, and until when also in confidence, unless a newer version is known."""
        ...

    async def record_visit_type(self, visit_type: str, version: int, label: SecurityLabel) -> None:
        """Remember a visit type's label, unless a newer version is known; its visits' labels become no milder."""
        ...

    async def record_merge(self, replaced_id: str, survivor_id: str, version: int) -> None:
        """Remember that one patient stands for another now, unless something newer is known."""
        ...

    async def record_demand(self, facility_id: str, specialty: str, version: int, *, waiting: bool) -> None:
        """Remember whether somebody waits there, unless a newer version is known."""
        ...


@dataclass(frozen=True, slots=True)
class OpenSlot:
    """A slot availability offers; ``item`` is availability's JSON, handed on as it came."""

    offer: SlotOffer
    item: Mapping[str, Any]


class OpenSlots(Protocol):
    """Availability's search, one hop away. Raises Unavailable when it cannot be had."""

    async def near(self, lost: SlotOffer, now: datetime, authorization: str) -> Sequence[OpenSlot]:
        """Return open slots like ``lost``: of its clinician, and of its facility and specialty."""
        ...


class TakenPlaces(Protocol):
    """Booking's own word on what is taken, asked before an alternative is shown."""

    async def free_of(self, offers: Sequence[SlotOffer], now: datetime) -> frozenset[str]:
        """Return the slot ids among ``offers`` whose resources still have a lane."""
        ...

    async def patient_free(self, patient_id: str, offers: Sequence[SlotOffer], now: datetime) -> frozenset[str]:
        """Return the slot ids among ``offers`` at which the patient has nothing else."""
        ...
