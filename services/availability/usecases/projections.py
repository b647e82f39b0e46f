"""What others tell: directory records become projections, appointments become occupied time.

Events repeat and overtake each other; each carries a version, and only a newer one has an effect.
"""

from collections.abc import Mapping, Sequence
from datetime import date, datetime, time
from typing import Literal

from services.availability.domain.directory import Clinician, Facility, VisitType
from services.availability.domain.interpreters import Interpreter
from services.availability.domain.places import Place
from services.availability.domain.sessions import Period
from services.availability.domain.wall_clock import zone_of
from services.availability.ports import Appointment, Store, TrackedVisit
from services.availability.usecases.materialise import Horizon, renew
from services.contracts.events.booking import (
    AppointmentBooked,
    AppointmentCheckedIn,
    AppointmentEvent,
    AppointmentFulfilled,
    AppointmentHeld,
    FreedSlotEvent,
    SlotFreed,
)
from services.contracts.events.directory import (
    ClinicianRecorded,
    FacilityRecorded,
    InterpreterRecorded,
    VisitTypeRecorded,
)
from services.contracts.security_labels import SecurityLabel
from services.kernel.errors import Invalid
from services.kernel.ids import content_key

_STEPS: Mapping[type[AppointmentEvent], Literal["booked", "checked-in", "ended"]] = {
    AppointmentHeld: "booked",
    AppointmentBooked: "booked",
    AppointmentCheckedIn: "checked-in",
    AppointmentFulfilled: "ended",
}
LIVE = frozenset({"pending", "booked", "checked-in", "fulfilled"})


class DirectoryProjection:
    """Keeps the directory's records, and the working time that depends on them, inside one transaction."""

    def __init__(self, store: Store, horizon: Horizon) -> None:
        self._store = store
        self._horizon = horizon

    async def facility(self, event: FacilityRecorded) -> None:
        """Keep a facility; its zone or standing may change every schedule there."""
        zone_of(event.timezone)
        facility = Facility(
            event.facility_id, event.version, event.name, Place(event.latitude, event.longitude), event.timezone,
            event.active,
        )  # fmt: skip
        await self._store.lock_facilities()
        former = (await self._store.facilities([event.facility_id])).get(event.facility_id)
        if await self._store.put_facility(facility) and (
            former is None or (former.timezone, former.active) != (facility.timezone, facility.active)
        ):
            await self._renew(await self._store.clinicians_with_templates_at(facility.facility_id))

    async def clinician(self, event: ClinicianRecorded) -> None:
        """Keep a clinician; a new specialty, facility or standing changes their working time."""
        clinician = Clinician(
            event.clinician_id, event.version, event.name, event.specialty, event.languages, event.facility_ids,
            event.active,
        )  # fmt: skip
        await self._store.lock_schedules([event.clinician_id])
        former = (await self._store.clinicians([event.clinician_id])).get(event.clinician_id)
        if await self._store.put_clinician(clinician) and (
            former is None or _working_terms(former) != _working_terms(clinician)
        ):
            await self._renew([clinician.clinician_id])

    async def visit_type(self, event: VisitTypeRecorded) -> None:
        """Keep a visit type; search reads lengths when it runs, so nothing else changes."""
        await self._store.put_visit_type(
            VisitType(event.visit_type, event.version, event.specialty, event.minutes, event.active)
        )

    async def interpreter(self, event: InterpreterRecorded) -> None:
        """Keep an interpreter; search reads their hours when it runs, so nothing else changes."""
        zone_of(event.timezone)
        await self._store.put_interpreter(
            Interpreter(
                event.interpreter_id, event.version, event.name, event.languages, event.facility_ids, event.remote,
                event.timezone, event.weekdays, time.fromisoformat(event.starts), time.fromisoformat(event.ends),
                tuple(date.fromisoformat(day) for day in event.days_off), event.active,
            )
        )  # fmt: skip

    async def _renew(self, clinician_ids: Sequence[str]) -> None:
        with_templates = {stored.template.clinician_id for stored in await self._store.templates_of(clinician_ids)}
        if with_templates:
            await renew(self._store, sorted(with_templates), self._horizon)


def _working_terms(clinician: Clinician) -> tuple[str, frozenset[str], bool]:
    return clinician.specialty, frozenset(clinician.facility_ids), clinician.active


Told = tuple[AppointmentEvent | FreedSlotEvent, datetime]


async def take_bookings(store: Store, told: Sequence[Told]) -> None:
    """Keep what appointments and freed slots occupy now, and what visits teach; each with when it was told.

    In a flood they come by the hundred: whatever their number, it is three statements.
    """
    appointments = [(event, at) for event, at in told if isinstance(event, AppointmentEvent)]
    await store.put_appointments(
        [_occupied(event) if isinstance(event, AppointmentEvent) else _kept_back(event) for event, _ in told]
    )
    # What 42 CFR Part 2 protects teaches nothing.
    taught = [(event, at) for event, at in appointments if event.security_label != SecurityLabel.PART_2]
    await store.put_visits([_visit(event, at) for event, at in taught])


def _occupied(event: AppointmentEvent) -> Appointment:
    if event.ends_at <= event.starts_at:
        raise Invalid("An appointment ends after it starts.", slug="event-invalid")
    return Appointment(
        appointment_id=event.appointment_id,
        version=event.version,
        clinician_id=event.clinician_id,
        facility_id=event.facility_id,
        period=Period(event.starts_at, event.ends_at),
        lane=event.lane,
        live=event.status in LIVE,
        expires_at=event.expires_at if isinstance(event, AppointmentHeld) else None,
        room_id=event.room_id,
        interpreter_id=event.interpreter_id,
    )


def _visit(event: AppointmentEvent, at: datetime) -> TrackedVisit:
    return TrackedVisit(
        appointment_id=event.appointment_id,
        version=event.version,
        patient_key=content_key("patient", event.patient_id),
        clinician_id=event.clinician_id,
        facility_id=event.facility_id,
        specialty=event.specialty,
        visit_type=event.visit_type,
        timezone=event.timezone,
        period=Period(event.starts_at, event.ends_at),
        status=event.status,
        at=at,
        step=_STEPS.get(type(event), ""),
    )


def _kept_back(event: FreedSlotEvent) -> Appointment:
    """A freed slot is busy while booking keeps it back; it is free again by itself when that time is over."""
    if event.ends_at <= event.starts_at:
        raise Invalid("A slot ends after it starts.", slug="event-invalid")
    held = event if isinstance(event, SlotFreed) else None
    kept = {one.kind: one.id for one in held.resources} if held else {}
    return Appointment(
        appointment_id=f"freed:{event.freed_id}",
        version=event.version,
        clinician_id=event.clinician_id,
        facility_id=event.facility_id,
        period=Period(event.starts_at, event.ends_at),
        lane=event.lane,
        live=held is not None,
        expires_at=held.open_until if held else None,
        room_id=kept.get("room", ""),
        interpreter_id=kept.get("interpreter", ""),
    )
