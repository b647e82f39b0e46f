"""Availability's ports in memory, one fake a port; the use-case tests run against these and against PostgreSQL."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

from services.availability.domain.absences import Closure, Leave
from services.availability.domain.directory import Clinician, Facility, VisitType
from services.availability.domain.interpreters import Interpreter
from services.availability.domain.opening import Occupied, open_starts
from services.availability.domain.places import Box, Place
from services.availability.domain.sessions import Period, WorkingSession
from services.availability.domain.slots import OpenSlot, SlotQuery
from services.availability.domain.slotting.durations import Length
from services.availability.domain.slotting.plan import Plan
from services.availability.domain.slotting.surge import Surge
from services.availability.domain.templates import Template
from services.availability.ports import Appointment, Store, StoredTemplate
from services.contracts.slot_offer import slot_id
from services.kernel.audit import AuditEntry
from services.kernel.outbox import Publishable
from tests.services.availability.fakes_slotting import FakeSlotting, reserved_now


@dataclass
class Tables:
    """What a transaction sees; copied when one begins, taken over when it commits."""

    facilities: dict[str, Facility] = field(default_factory=dict)
    clinicians: dict[str, Clinician] = field(default_factory=dict)
    visit_types: dict[str, VisitType] = field(default_factory=dict)
    interpreters: dict[str, Interpreter] = field(default_factory=dict)
    templates: dict[tuple[str, str], StoredTemplate] = field(default_factory=dict)
    versions: dict[str, int] = field(default_factory=dict)
    known_until: dict[str, date] = field(default_factory=dict)
    lengths: dict[tuple[str, str], int] = field(default_factory=dict)
    leave: dict[UUID, Leave] = field(default_factory=dict)
    closures: dict[UUID, Closure] = field(default_factory=dict)
    sessions: list[WorkingSession] = field(default_factory=list)
    appointments: dict[str, Appointment] = field(default_factory=dict)
    visits: dict[str, dict[str, Any]] = field(default_factory=dict)
    plans: list[Plan] = field(default_factory=list)
    learnt: dict[tuple[str, str], Length] = field(default_factory=dict)
    surges: dict[tuple[str, str], Surge] = field(default_factory=dict)
    stale: set[tuple[str, date | None]] = field(default_factory=set)
    events: list[Publishable] = field(default_factory=list)
    audited: list[AuditEntry] = field(default_factory=list)


class FakeStore(FakeSlotting):
    """Fake of ports.Store."""

    def __init__(self, tables: Tables) -> None:
        self._t = tables

    async def put_facility(self, facility: Facility) -> bool:
        kept = self._t.facilities.get(facility.facility_id)
        newer = kept is None or facility.version > kept.version
        if newer:
            self._t.facilities[facility.facility_id] = facility
        return newer

    async def put_clinician(self, clinician: Clinician) -> bool:
        kept = self._t.clinicians.get(clinician.clinician_id)
        newer = kept is None or clinician.version > kept.version
        if newer:
            self._t.clinicians[clinician.clinician_id] = clinician
        return newer

    async def put_visit_type(self, visit_type: VisitType) -> bool:
        kept = self._t.visit_types.get(visit_type.visit_type)
        newer = kept is None or visit_type.version > kept.version
        if newer:
            self._t.visit_types[visit_type.visit_type] = visit_type
        return newer

    async def put_interpreter(self, interpreter: Interpreter) -> bool:
        kept = self._t.interpreters.get(interpreter.interpreter_id)
        newer = kept is None or interpreter.version > kept.version
        if newer:
            self._t.interpreters[interpreter.interpreter_id] = interpreter
        return newer

    async def facilities(self, facility_ids: Collection[str]) -> Mapping[str, Facility]:
        return {name: one for name, one in self._t.facilities.items() if name in facility_ids}

    async def facilities_in(self, box: Box) -> Sequence[Facility]:
        return [
            one
            for one in self._t.facilities.values()
            if one.active
            and box.south <= one.place.latitude <= box.north
            and box.west <= one.place.longitude <= box.east
        ]

    async def clinicians(self, clinician_ids: Collection[str]) -> Mapping[str, Clinician]:
        return {name: one for name, one in self._t.clinicians.items() if name in clinician_ids}

    async def visit_type(self, visit_type: str) -> VisitType | None:
        return self._t.visit_types.get(visit_type)

    async def visit_types_of(self, specialty: str) -> Sequence[VisitType]:
        return [one for one in self._t.visit_types.values() if one.specialty == specialty]

    async def lock_schedules(self, clinician_ids: Collection[str]) -> None:
        for clinician_id in clinician_ids:
            self._t.versions.setdefault(clinician_id, 0)

    async def lock_facilities(self) -> None:
        return None

    async def templates_of(self, clinician_ids: Collection[str]) -> Sequence[StoredTemplate]:
        return [stored for key, stored in sorted(self._t.templates.items()) if key[0] in clinician_ids]

    async def clinicians_with_templates_at(self, facility_id: str) -> Sequence[str]:
        return sorted({key[0] for key, one in self._t.templates.items() if one.template.facility_id == facility_id})

    async def put_templates(self, templates: Sequence[Template]) -> None:
        for one in templates:
            version = self._t.versions[one.clinician_id] + 1
            self._t.templates[one.clinician_id, one.template_id] = StoredTemplate(one, version)

    async def delete_template(self, clinician_id: str, template_id: str) -> None:
        self._t.templates.pop((clinician_id, template_id), None)

    async def schedule_version(self, clinician_id: str) -> int:
        return self._t.versions.get(clinician_id, 0)

    async def bump(self, clinician_ids: Collection[str]) -> None:
        for clinician_id in clinician_ids:
            self._t.versions[clinician_id] = self._t.versions.get(clinician_id, 0) + 1

    async def visit_lengths(self, clinician_id: str) -> Mapping[str, int]:
        return {key[1]: minutes for key, minutes in sorted(self._t.lengths.items()) if key[0] == clinician_id}

    async def set_visit_length(self, clinician_id: str, visit_type: str, minutes: int | None) -> bool:
        former = self._t.lengths.pop((clinician_id, visit_type), None)
        if minutes is not None:
            self._t.lengths[clinician_id, visit_type] = minutes
        return former != minutes

    async def leave_of(self, clinician_ids: Collection[str], ends_after: datetime) -> Sequence[Leave]:
        found = [one for one in self._t.leave.values() if one.clinician_id in clinician_ids]
        return sorted((one for one in found if one.period.ends_at > ends_after), key=lambda one: one.period)

    async def closures_of(self, facility_ids: Collection[str], ends_after: datetime) -> Sequence[Closure]:
        found = [one for one in self._t.closures.values() if one.facility_id in facility_ids]
        return sorted((one for one in found if one.period.ends_at > ends_after), key=lambda one: one.period)

    async def add_leave(self, leave: Leave) -> None:
        self._t.leave[leave.leave_id] = leave

    async def remove_leave(self, clinician_id: str, leave_id: UUID) -> Leave | None:
        found = self._t.leave.get(leave_id)
        return self._t.leave.pop(leave_id) if found and found.clinician_id == clinician_id else None

    async def add_closure(self, closure: Closure) -> None:
        self._t.closures[closure.closure_id] = closure

    async def remove_closure(self, facility_id: str, closure_id: UUID) -> Closure | None:
        found = self._t.closures.get(closure_id)
        return self._t.closures.pop(closure_id) if found and found.facility_id == facility_id else None

    async def replace_sessions(
        self, clinicians: Collection[Clinician], first: date, last: date, sessions: Sequence[WorkingSession]
    ) -> None:
        names = {clinician.clinician_id for clinician in clinicians}
        kept = [
            one for one in self._t.sessions if one.template.clinician_id not in names or not first <= one.day <= last
        ]
        self._t.sessions = [*kept, *sessions]

    async def clinicians_known_until_before(self, day: date, limit: int) -> Sequence[tuple[str, date]]:
        never = date(1970, 1, 1)
        names = sorted({key[0] for key in self._t.templates})
        known = [(name, self._t.known_until.get(name, never)) for name in names]
        return [(name, until) for name, until in known if until < day][:limit]

    async def set_known_until(self, clinician_ids: Collection[str], day: date) -> None:
        self._t.known_until |= dict.fromkeys(clinician_ids, day)

    async def purge(self, before: datetime) -> None:
        self._t.sessions = [one for one in self._t.sessions if one.period.ends_at >= before]
        self._t.appointments = {name: one for name, one in self._t.appointments.items() if one.period.ends_at >= before}

    async def put_appointments(self, appointments: Sequence[Appointment]) -> frozenset[str]:
        newer = set()
        for appointment in appointments:
            kept = self._t.appointments.get(appointment.appointment_id)
            if kept is None or appointment.version > kept.version:
                self._t.appointments[appointment.appointment_id] = appointment
                newer.add(appointment.appointment_id)
        return frozenset(newer)

    async def clinician_ids(self) -> Sequence[str]:
        return list(self._t.clinicians)

    async def publish(self, events: Sequence[Publishable], at: datetime) -> None:
        self._t.events += events

    async def audit(self, entry: AuditEntry) -> None:
        self._t.audited.append(entry)


class FakeDatabase:
    """Fake of ports.UnitOfWork: all or nothing, like a transaction."""

    def __init__(self) -> None:
        self.tables = Tables()

    def transaction(self) -> Callable[[], AbstractAsyncContextManager[Store]]:
        @asynccontextmanager
        async def begin() -> AsyncIterator[Store]:
            tables = deepcopy(self.tables)
            yield FakeStore(tables)
            self.tables = tables

        return begin


class FakeSlotSearch:
    """Fake of ports.SlotSearch: reads everything and asks the domain, start by start."""

    def __init__(self, database: FakeDatabase) -> None:
        self._database = database

    async def first(self, query: SlotQuery, limit: int, now: datetime) -> Sequence[OpenSlot]:
        sessions = sorted(self._database.tables.sessions, key=lambda one: one.template.depth)
        found = {slot.slot_id: slot for one in sessions for slot in self._slots(one, query, now)}
        return sorted(found.values(), key=lambda slot: slot.rank)[:limit]

    def _slots(self, session: WorkingSession, query: SlotQuery, now: datetime) -> Sequence[OpenSlot]:
        tables, template = self._database.tables, session.template
        clinician, facility = tables.clinicians[template.clinician_id], tables.facilities[template.facility_id]
        wanted = (
            clinician.specialty == query.specialty
            and (not query.clinician_ids or clinician.clinician_id in query.clinician_ids)
            and (query.distances is None or facility.facility_id in query.distances)
            and (not query.language or query.language in clinician.languages)
            and (not template.visit_types or query.visit_type in template.visit_types)
        )
        if not wanted:
            return []
        key = clinician.clinician_id, query.visit_type
        learnt = tables.learnt[key].minutes if key in tables.learnt else query.minutes
        minutes = tables.lengths.get(key, learnt)
        live = [
            one
            for one in tables.appointments.values()
            if one.live and one.clinician_id == clinician.clinician_id
            if one.expires_at is None or one.expires_at > now
        ]
        taken = [Occupied(one.period, one.lane) for one in live]
        if not query.urgent:
            plans = [one for one in tables.plans if one.session.template.clinician_id == clinician.clinician_id]
            taken += [Occupied(period) for plan in plans for period in reserved_now(plan, now)]
        starts = open_starts(session, minutes, Period(query.starts_at, query.ends_at), taken)
        slots = [self._slot(session, query, minutes, start) for start in starts]
        return [
            slot
            for slot in slots
            if (query.first_day is None or slot.starts_local.date() >= query.first_day)
            and (query.last_day is None or slot.starts_local.date() <= query.last_day)
        ]

    def _slot(self, session: WorkingSession, query: SlotQuery, minutes: int, start: datetime) -> OpenSlot:
        tables, template = self._database.tables, session.template
        clinician, facility = tables.clinicians[template.clinician_id], tables.facilities[template.facility_id]
        name = slot_id(clinician.clinician_id, facility.facility_id, query.visit_type, start, minutes)
        distance = (query.distances or {}).get(facility.facility_id)
        end = start + timedelta(minutes=minutes)
        return OpenSlot(
            name, clinician.clinician_id, clinician.name, facility.facility_id, facility.name, facility.timezone,
            query.specialty, query.visit_type, start, end, template.room_id, template.depth,
            tables.versions[clinician.clinician_id], distance,
        )  # fmt: skip


class FakeZipCentroids:
    """Fake of ports.ZipCentroids: Boston and Denver, nothing else."""

    def find(self, zip_code: str) -> Place | None:
        return {"02108": Place(42.3576, -71.0684), "80202": Place(39.7491, -104.9946)}.get(zip_code)
