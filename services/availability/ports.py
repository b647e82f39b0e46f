"""What the use cases need from outside: one store a transaction, the search, and places of ZIP codes."""

from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Literal, Protocol
from uuid import UUID

from services.availability.domain.absences import Closure, Leave
from services.availability.domain.directory import Clinician, Facility, VisitType
from services.availability.domain.interpreters import FreeTime, Interpreter
from services.availability.domain.places import Box, Place
from services.availability.domain.sessions import Period, WorkingSession
from services.availability.domain.slots import OpenSlot, SlotQuery
from services.availability.domain.slotting.durations import Length
from services.availability.domain.slotting.plan import Plan
from services.availability.domain.slotting.surge import Surge
from services.availability.domain.templates import Template
from services.kernel.audit import AuditEntry
from services.kernel.outbox import Publishable


@dataclass(frozen=True, slots=True)
class StoredTemplate:
    """A template and the schedule version at which it was last changed; that version is its entity tag."""

    template: Template
    version: int


@dataclass(frozen=True, slots=True)
class Appointment:
    """What an appointment occupies; a hold is free again at ``expires_at``, whoever tells of it when.

    ``room_id`` is None where it was not told: then it is that of the session the slot was offered from.
    """

    appointment_id: str
    version: int
    clinician_id: str
    facility_id: str
    period: Period
    lane: int
    live: bool
    expires_at: datetime | None = None
    room_id: str | None = None
    interpreter_id: str = ""


class Directory(Protocol):
    """The projections of the directory's records. ``put_*`` tell whether the record was newer than the kept one."""

    async def clinician_ids(self) -> Sequence[str]:
        """Return every clinician that is known."""

    async def put_facility(self, facility: Facility) -> bool: ...
    async def put_clinician(self, clinician: Clinician) -> bool: ...
    async def put_visit_type(self, visit_type: VisitType) -> bool: ...
    async def facilities(self, facility_ids: Collection[str]) -> Mapping[str, Facility]: ...
    async def facilities_in(self, box: Box) -> Sequence[Facility]: ...
    async def clinicians(self, clinician_ids: Collection[str]) -> Mapping[str, Clinician]: ...
    async def visit_type(self, visit_type: str) -> VisitType | None: ...
    async def visit_types_of(self, specialty: str) -> Sequence[VisitType]: ...


class Lookups(Protocol):
    """What a search looks up before and after it looks for slots."""

    async def facilities(self, facility_ids: Collection[str]) -> Mapping[str, Facility]: ...
    async def facilities_in(self, box: Box) -> Sequence[Facility]: ...
    async def clinicians(self, clinician_ids: Collection[str]) -> Mapping[str, Clinician]: ...
    async def visit_type(self, visit_type: str) -> VisitType | None: ...
    async def visit_types_of(self, specialty: str) -> Sequence[VisitType]: ...
    async def reserve_of(self, places: Collection[tuple[str, datetime]]) -> Mapping[tuple[str, datetime], datetime]:
        """Return when the reserved among (clinician, start) open to everyone."""


LookUp = Callable[[], AbstractAsyncContextManager[Lookups]]


class Interpreters(Protocol):
    """The directory's interpreters. ``put_interpreter`` tells whether the record was newer than the kept one."""

    async def put_interpreter(self, interpreter: Interpreter) -> bool: ...


class Schedules(Protocol):
    """Templates, visit lengths, absences and the working time made from them."""

    async def lock_schedules(self, clinician_ids: Collection[str]) -> None:
        """Make every other change of these schedules, and of facilities, wait for this transaction."""

    async def lock_facilities(self) -> None:
        """Make every other change of any schedule wait for this transaction."""

    async def templates_of(self, clinician_ids: Collection[str]) -> Sequence[StoredTemplate]: ...
    async def clinicians_with_templates_at(self, facility_id: str) -> Sequence[str]: ...
    async def put_templates(self, templates: Sequence[Template]) -> None:
        """Write the templates, stamped with the version that the next ``bump`` gives their schedules."""

    async def delete_template(self, clinician_id: str, template_id: str) -> None: ...
    async def schedule_version(self, clinician_id: str) -> int: ...

    async def bump(self, clinician_ids: Collection[str]) -> None:
        """Raise the schedule version of each by one."""

    async def visit_lengths(self, clinician_id: str) -> Mapping[str, int]:
        """Return the clinician's own lengths in minutes by visit type."""

    async def set_visit_length(self, clinician_id: str, visit_type: str, minutes: int | None) -> bool:
        """Keep the length, or drop it with None; tell whether anything changed."""

    async def leave_of(self, clinician_ids: Collection[str], ends_after: datetime) -> Sequence[Leave]: ...
    async def closures_of(self, facility_ids: Collection[str], ends_after: datetime) -> Sequence[Closure]: ...
    async def add_leave(self, leave: Leave) -> None: ...
    async def remove_leave(self, clinician_id: str, leave_id: UUID) -> Leave | None: ...
    async def add_closure(self, closure: Closure) -> None: ...
    async def remove_closure(self, facility_id: str, closure_id: UUID) -> Closure | None: ...

    async def replace_sessions(
        self, clinicians: Collection[Clinician], first: date, last: date, sessions: Sequence[WorkingSession]
    ) -> None:
        """Make ``sessions`` the clinicians' only working time from ``first`` to ``last`` (local days, inclusive)."""

    async def clinicians_known_until_before(self, day: date, limit: int) -> Sequence[tuple[str, date]]:
        """Return clinicians with templates whose working time is known for no day after one before ``day``."""

    async def set_known_until(self, clinician_ids: Collection[str], day: date) -> None: ...
    async def purge(self, before: datetime) -> None: ...


class Occupancy(Protocol):
    """What appointments occupy."""

    async def put_appointments(self, appointments: Sequence[Appointment]) -> frozenset[str]:
        """Keep each unless a version as new is kept; return the ids of those that were newer."""


@dataclass(frozen=True, slots=True)
class TrackedVisit:
    """An appointment as slotting learns from it; ``at`` is when it was told, ``step`` what it was told of."""

    appointment_id: str
    version: int
    patient_key: int
    clinician_id: str
    facility_id: str
    specialty: str
    visit_type: str
    timezone: str
    period: Period
    status: str
    at: datetime
    step: Literal["booked", "checked-in", "ended", ""]


@dataclass(frozen=True, slots=True)
class BookedVisit:
    """A live appointment; ``patient_key`` None where nothing may be learnt from it or was told yet."""

    clinician_id: str
    period: Period
    lead_days: int
    patient_key: int | None


@dataclass(frozen=True, slots=True)
class Measured:
    """A finished visit: its planned minutes, check-in, end, and the end of the clinician's visit before it."""

    clinician_id: str
    visit_type: str
    planned: int
    checked_in_at: datetime
    ended_at: datetime
    former_ended_at: datetime | None


@dataclass(frozen=True, slots=True)
class KeptLength:
    """A clinician's length of a visit type: ``chosen`` by people or learnt."""

    length: Length
    chosen: bool


@dataclass(frozen=True, slots=True)
class KeptPlan:
    """The plan of a session as it was written, for explanations."""

    template_id: str
    day: date
    period: Period
    made_at: datetime
    content: Mapping[str, Any]


class VisitLog(Protocol):
    """What visits teach."""

    async def put_visits(self, visits: Sequence[TrackedVisit]) -> None:
        """Keep what is new about visits; the plan of a day of one is stale where a template there is adaptive.

        Of what was told of one visit twice the first counts.
        """

    async def booked_visits(
        self, clinician_ids: Collection[str], window: Period, now: datetime
    ) -> Sequence[BookedVisit]: ...

    async def outcomes_of(self, patient_keys: Collection[int]) -> Sequence[tuple[int, int, bool]]:
        """Return (patient, lead days, missed) of each finished visit of these patients."""

    async def attendance(self, specialties: Collection[str], since: datetime) -> Sequence[tuple[str, int, int, int]]:
        """Return (specialty, lead days, visits, missed)."""

    async def measured_by(self, clinician_id: str, since: datetime) -> Sequence[Measured]: ...
    async def measured_of(self, visit_type: str, since: datetime, limit: int) -> Sequence[Measured]: ...

    async def urgent_demand(
        self, urgent: Collection[str], recent: Period, usual: Period
    ) -> Mapping[tuple[str, str], tuple[int, int]]:
        """Return bookings of urgent visits by (facility, specialty) of adaptive templates, in both periods."""

    async def drop_visits(self, before: datetime) -> None: ...


class Plans(Protocol):
    """Lengths, surge and the plans made of them."""

    async def kept_lengths(self, clinician_ids: Collection[str]) -> Mapping[tuple[str, str], KeptLength]: ...

    async def put_learnt_length(self, clinician_id: str, visit_type: str, length: Length) -> None:
        """Keep a learnt length, unless people chose one."""

    async def adaptive_clinicians(self) -> Sequence[str]: ...
    async def surges(self) -> Mapping[tuple[str, str], Surge]: ...
    async def put_surge(self, facility_id: str, specialty: str, surge: Surge) -> None: ...
    async def former_grids(
        self, clinician_ids: Collection[str], first: date, last: date
    ) -> Mapping[tuple[str, str, datetime], int]: ...

    async def replace_plans(
        self, clinician_ids: Collection[str], first: date, last: date, plans: Sequence[Plan], at: datetime
    ) -> None:
        """Make ``plans`` the clinicians' only ones from ``first`` to ``last``, with the places they reserve."""

    async def kept_plans(self, clinician_id: str, at: datetime) -> Sequence[KeptPlan]: ...

    async def working_at(self, clinician_id: str, at: datetime) -> Sequence[tuple[str, str, int]]:
        """Return (template, facility, depth) of the working time around the instant, the deepest first."""

    async def reserve_of(self, places: Collection[tuple[str, datetime]]) -> Mapping[tuple[str, datetime], datetime]:
        """Return when the reserved among (clinician, start) open to everyone."""

    async def mark_stale(self, clinician_ids: Collection[str]) -> None:
        """Ask for new plans of whole schedules."""

    async def take_stale(self, limit: int) -> Sequence[tuple[str, date | None]]:
        """Take days whose plans are stale off the list, the nearest first; None is the whole schedule."""


class Store(Directory, Interpreters, Schedules, Occupancy, VisitLog, Plans, Protocol):
    """Everything above, bound to one transaction, with the outbox."""

    async def publish(self, events: Sequence[Publishable], at: datetime) -> None: ...
    async def audit(self, entry: AuditEntry) -> None: ...


UnitOfWork = Callable[[], AbstractAsyncContextManager[Store]]


class SlotSearch(Protocol):
    """Finds open slots, in SQL or in memory; both held to domain.opening, memory to SQL's order as well."""

    async def first(self, query: SlotQuery, limit: int, now: datetime) -> Sequence[OpenSlot]:
        """Return the first ``limit`` open slots by OpenSlot.rank."""


class InterpreterTimes(Protocol):
    """Knows when interpreters are free."""

    async def free(self, language: str, window: Period, now: datetime) -> Sequence[FreeTime]:
        """Return the active interpreters of a language, each with the parts of ``window`` in which nobody has them."""


class ZipCentroids(Protocol):
    """Knows where US ZIP codes are."""

    def find(self, zip_code: str) -> Place | None:
        """Return the centroid of a five-digit ZIP code, None when there is no such code."""
