"""Reading appointments. Every read is decided by the gate and written down in the transaction that reads."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from uuid import UUID

from services.booking.domain.appointment import Appointment
from services.booking.domain.feed import Cursor, ToldChange
from services.booking.domain.lifecycle import Status
from services.booking.ports import Feed, PatientRecord, RecordedChange, Store, UnitOfWork
from services.booking.usecases.touching import (
    CHANGES,
    KINDS,
    NOBODY,
    appointment_resource,
    busy_resource,
    facility_resource,
    may_know,
    patient_resource,
    told_resource,
)
from services.contracts.security_labels import SecurityLabel
from services.kernel.access import Gate, Resource
from services.kernel.clock import Clock
from services.kernel.errors import NotFound

HISTORY_LIMIT = 500
Position = tuple[datetime, UUID]


@dataclass(frozen=True, slots=True)
class Seen:
    """An appointment as its reader may see it: ``busy`` is only that its time is taken."""

    appointment: Appointment
    busy: bool


@dataclass(frozen=True, slots=True)
class Page:
    """Appointments by start; ``next`` is where the following page begins, None on the last."""

    items: tuple[Seen, ...]
    next: Position | None


class ReadAppointments:
    """One appointment, its history, a patient's list, a facility's day, the changes."""

    def __init__(self, work: UnitOfWork, feed: Feed, clock: Clock) -> None:
        self._work = work
        self._feed = feed
        self._clock = clock

    async def one(self, gate: Gate, appointment_id: UUID) -> Seen:
        """Return an appointment, or that its time is taken; raise NotFound or AccessRefused."""
        async with self._work() as store:
            appointment, whole = await self._find(store, appointment_id)
            busy = busy_resource(appointment)
            hidden = appointment.label != SecurityLabel.NORMAL and not gate.allows(whole) and gate.allows(busy)
            await store.audit(gate.require(busy if hidden else whole))
            return Seen(appointment, hidden)

    async def follow_one(self, gate: Gate, appointment_id: UUID) -> None:
        """Allow (and write down) following an appointment live; raise NotFound or AccessRefused."""
        async with self._work() as store:
            _, whole = await self._find(store, appointment_id)
            await store.audit(gate.require(whole))

    async def history(self, gate: Gate, appointment_id: UUID) -> Sequence[RecordedChange]:
        """Return who did what to an appointment, oldest first; busy time has no history to show."""
        async with self._work() as store:
            _, whole = await self._find(store, appointment_id)
            await store.audit(gate.require(whole))
            return await store.history(appointment_id, HISTORY_LIMIT)

    async def _find(self, store: Store, appointment_id: UUID) -> tuple[Appointment, Resource]:
        appointment = await store.appointment(appointment_id)
        if appointment is None:
            raise NotFound("No such appointment.")
        known = await store.patient(appointment.patient_id, self._clock.now())
        return appointment, appointment_resource(appointment, known)

    async def of_patient(
        self, gate: Gate, patient_id: str, starting: datetime | None, after: Position | None, limit: int
    ) -> Page:
        """Return a patient's appointments and holds that start at ``starting`` or later.

        Labelled ones the reader may not know of are left out: busy time in one patient's list would name the patient.
        """
        async with self._work() as store:
            known = await store.patient(patient_id, self._clock.now())
            await store.audit(gate.require(patient_resource(patient_id, known)))
            page = _page(await store.of_patient(patient_id, starting, after, limit + 1), limit)
            seen = await _seen(store, gate, page.items, known)
            return replace(page, items=tuple(one for one in seen if not one.busy))

    async def day(
        self, gate: Gate, facility_id: str, day: date, after: Position | None, limit: int, *, cancelled: bool
    ) -> Page:
        """Return a facility's appointments on a day of its own calendar, as busy time those its reader may not know."""
        async with self._work() as store:
            await store.audit(gate.require(facility_resource(facility_id)))
            page = _page(await store.of_day(facility_id, day, after, limit + 1, cancelled=cancelled), limit)
            seen = await _seen(store, gate, page.items, NOBODY)
            return replace(page, items=tuple(one for one in seen if not one.busy or takes_time(one.appointment.status)))

    async def booked_of(self, gate: Gate, visit_type: str) -> Mapping[str, int]:
        """Return how many visits of a kind are still to come, by facility: what a change of the kind would touch."""
        entry = gate.require(KINDS)
        async with self._work() as store:
            await store.audit(entry)
            return await store.booked_of(visit_type, self._clock.now())

    async def follow_facility(self, gate: Gate, facility_id: str) -> None:
        """Allow (and write down) following a facility's day live."""
        async with self._work() as store:
            await store.audit(gate.require(facility_resource(facility_id)))

    async def changes(self, gate: Gate, after: Cursor | None, limit: int) -> tuple[Sequence[ToldChange], Cursor, bool]:
        """Return changes after ``after`` (None: from the beginning), the cursor to go on from, whether there is more.

        With ``limit`` 0 the cursor is the head: take it before a snapshot, then follow from it, and nothing is missed.
        Only pages that hold something are written down: an empty one showed nothing.
        """
        entry = gate.require(CHANGES)
        if limit == 0:
            return (), await self._feed.head(), True
        start = after or Cursor(0, 0)
        found = await self._feed.all_after(start, limit)
        if found:
            async with self._work() as store:
                await store.audit(entry)
        return found, found[-1].cursor if found else start, len(found) == limit


def shows_change(gate: Gate, change: RecordedChange) -> bool:
    """Tell whether who follows a facility's day may know of the visit that ``change`` is about."""
    label = change.event.get("security_label", SecurityLabel.NORMAL)
    return label == SecurityLabel.NORMAL or gate.allows(told_resource(change.event, NOBODY))


def takes_time(status: str) -> bool:
    """Tell whether a visit in ``status`` keeps its clinician from others; what does not is no busy time."""
    return status not in {Status.CANCELLED, Status.NOSHOW}


async def _seen(store: Store, gate: Gate, page: Sequence[Seen], circle: PatientRecord) -> Sequence[Seen]:
    """Decide, and write down, each labelled visit by itself; the others were decided with the list."""
    seen = []
    for one in page:
        labelled = one.appointment.label != SecurityLabel.NORMAL
        hidden = labelled and not await may_know(store, gate, appointment_resource(one.appointment, circle))
        seen.append(replace(one, busy=hidden))
    return seen


def _page(found: Sequence[Appointment], limit: int) -> Page:
    shown = tuple(found[:limit])
    more = len(found) > limit
    items = tuple(Seen(appointment, busy=False) for appointment in shown)
    return Page(items, (shown[-1].place.starts_at, shown[-1].id) if more else None)
