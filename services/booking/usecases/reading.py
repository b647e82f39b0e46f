"""Reading appointments. Every read is decided by the gate and written down in the transaction that reads."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from services.booking.domain.appointment import Appointment
from services.booking.domain.feed import Cursor, ToldChange
from services.booking.ports import Feed, RecordedChange, UnitOfWork
from services.booking.usecases.touching import (
    CHANGES,
    appointment_resource,
    facility_resource,
    patient_resource,
)
from services.kernel.access import Gate
from services.kernel.clock import Clock
from services.kernel.errors import NotFound

HISTORY_LIMIT = 500
Position = tuple[datetime, UUID]


@dataclass(frozen=True, slots=True)
class Page:
    """Appointments by start; ``next`` is where the following page begins, None on the last."""

    items: tuple[Appointment, ...]
    next: Position | None


class ReadAppointments:
    """One appointment, its history, a patient's list, a facility's day, the changes."""

    def __init__(self, work: UnitOfWork, feed: Feed, clock: Clock) -> None:
        self._work = work
        self._feed = feed
        self._clock = clock

    async def one(self, gate: Gate, appointment_id: UUID) -> Appointment:
        """Return an appointment; raise NotFound or AccessRefused."""
        async with self._work() as store:
            appointment = await store.appointment(appointment_id)
            if appointment is None:
                raise NotFound("No such appointment.")
            known = await store.patient(appointment.patient_id, self._clock.now())
            resource = appointment_resource(
                str(appointment.id), patient_id=appointment.patient_id, clinician_id=appointment.place.clinician_id,
                facility_id=appointment.place.facility_id, proxies=known.proxies,
            )  # fmt: skip
            await store.audit(gate.require(resource))
            return appointment

    async def history(self, gate: Gate, appointment_id: UUID) -> Sequence[RecordedChange]:
        """Return who did what to an appointment, oldest first."""
        await self.one(gate, appointment_id)
        async with self._work() as store:
            return await store.history(appointment_id, HISTORY_LIMIT)

    async def of_patient(
        self, gate: Gate, patient_id: str, starting: datetime | None, after: Position | None, limit: int
    ) -> Page:
        """Return a patient's appointments and holds that start at ``starting`` or later."""
        async with self._work() as store:
            known = await store.patient(patient_id, self._clock.now())
            await store.audit(gate.require(patient_resource(patient_id, known)))
            return _page(await store.of_patient(patient_id, starting, after, limit + 1), limit)

    async def day(
        self, gate: Gate, facility_id: str, day: date, after: Position | None, limit: int, *, cancelled: bool
    ) -> Page:
        """Return a facility's appointments on a day of its own calendar."""
        async with self._work() as store:
            await store.audit(gate.require(facility_resource(facility_id)))
            return _page(await store.of_day(facility_id, day, after, limit + 1, cancelled=cancelled), limit)

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


def _page(found: Sequence[Appointment], limit: int) -> Page:
    shown = tuple(found[:limit])
    more = len(found) > limit
    return Page(shown, (shown[-1].place.starts_at, shown[-1].id) if more else None)
