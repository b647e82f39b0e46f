"""Stores that use cases read and write in one transaction each."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Protocol
from uuid import UUID

from services.booking.domain.appointment import Appointment
from services.booking.domain.double_bookings import DoubleBooking
from services.booking.domain.feed import Cursor, ToldChange
from services.booking.domain.freed import FreedSlot
from services.booking.domain.lateness import LateRule
from services.kernel.audit import AuditEntry


class FreedStore(Protocol):
    """Freed slots, bound to one transaction."""

    async def locked(self, freed_id: UUID) -> FreedSlot | None:
        """Return one, locked until the transaction ends."""
        ...

    async def locked_all(self, freed_ids: Sequence[UUID]) -> Sequence[FreedSlot]:
        """Return those that exist, locked until the transaction ends."""
        ...

    async def change(self, freed: FreedSlot) -> None:
        """Write the next version of a locked one, move or remove its claims, and tell it."""
        ...

    async def extend(self, kept: Sequence[FreedSlot]) -> None:
        """Write the next version of locked ones that stay open, with their claims, and tell them."""
        ...

    async def audit(self, entries: Sequence[AuditEntry]) -> None:
        """Write touches down."""
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

    async def of_series(self, series_id: UUID) -> Sequence[Appointment]:
        """Return the appointments of a series by start."""
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


class LateRuleStore(Protocol):
    """The rules of late cancellation, bound to one transaction."""

    async def rules_of(self, facility_id: str) -> Sequence[LateRule]:
        """Return those that name the facility or every facility."""
        ...

    async def set_rule(self, rule: LateRule) -> None:
        """Keep one in place of the one before."""
        ...

    async def drop_rule(self, facility_id: str, visit_type: str) -> bool:
        """Remove one; tell whether there was one."""
        ...

    async def audit(self, entry: AuditEntry) -> None:
        """Write a touch down."""
        ...


LateRuleWork = Callable[[], AbstractAsyncContextManager[LateRuleStore]]
