"""What the directory's use cases need from outside: records in one transaction, ZIP codes, accounts."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import date, datetime
from typing import Protocol

from services.directory.domain.interpreters import Interpreter
from services.directory.domain.places import Place
from services.directory.domain.records import Clinician, Facility, Patient, Proxy, R, Record, Recorded, RoleAssignment
from services.kernel.actor import Emergency
from services.kernel.audit import AuditEntry
from services.kernel.outbox import Publishable


@dataclass(frozen=True, slots=True)
class Near:
    """A point (degrees) and a radius in kilometres."""

    latitude: float
    longitude: float
    within_km: float


@dataclass(frozen=True, slots=True)
class FacilityQuery:
    """Which facilities; None and "" do not narrow. ``after`` is the (distance, id) of the last one already seen."""

    near: Near | None = None
    state: str = ""
    text: str = ""
    active_only: bool = True
    after: tuple[float, str] | None = None
    limit: int = 50


@dataclass(frozen=True, slots=True)
class ClinicianQuery:
    """Which clinicians; "" does not narrow. ``after`` is the id of the last one already seen."""

    facility: str = ""
    specialty: str = ""
    language: str = ""
    active_only: bool = True
    after: str = ""
    limit: int = 50


@dataclass(frozen=True, slots=True)
class InterpreterQuery:
    """Which interpreters: those who serve ``facility``; "" does not narrow. ``after`` is the last id already seen."""

    facility: str = ""
    language: str = ""
    active_only: bool = True
    after: str = ""
    limit: int = 50


@dataclass(frozen=True, slots=True)
class PatientQuery:
    """Which patients: at any of ``facilities`` (None: anywhere), with a family name starting with ``family_key``."""

    facilities: frozenset[str] | None
    family_key: str = ""
    birth_date: date | None = None
    after: str = ""
    limit: int = 20


@dataclass(frozen=True, slots=True)
class Pending:
    """A role assignment that the account does not have yet."""

    assignment: RoleAssignment
    version: int


@dataclass(frozen=True, slots=True)
class Registration:
    """The patient that a request registered, and the digest of what it asked for."""

    patient_id: str
    digest: str


class Store(Protocol):
    """Records, bound to one transaction."""

    async def find(self, kind: type[R], key: str, *, lock: bool = False) -> Recorded[R] | None:
        """Return the record under ``key``, locked against other changes until the transaction ends if ``lock``."""
        ...

    async def put(self, record: Record, version: int) -> bool:
        """Keep ``record`` as ``version``; return False when another change came first."""
        ...

    async def put_many(self, records: Sequence[R], *, replace: bool) -> Mapping[str, int]:
        """Keep ``records`` (of one kind, keys different); return the version of each that was added or changed.

        An existing record stays as it is unless ``replace``; its ``active`` stays even then.
        """
        ...

    async def known(self, kind: type[R], keys: Sequence[str]) -> frozenset[str]:
        """Return which of ``keys`` exist."""
        ...

    async def find_many(self, kind: type[R], keys: Sequence[str]) -> Mapping[str, Recorded[R]]:
        """Return, locked, those of ``keys`` that exist."""
        ...

    async def matching(self, kind: type[R], column: str, value: str) -> Sequence[Recorded[R]]:
        """Return, locked, the records whose ``column`` is ``value``, in order of key."""
        ...

    async def page(self, kind: type[R], after: str, limit: int) -> Sequence[Recorded[R]]:
        """Return records of ``kind`` in order of key, those after the key ``after``."""
        ...

    async def catalogue(self, kind: type[R]) -> Sequence[Recorded[R]]:
        """Return every record of a small kind, in order of key."""
        ...

    async def facilities(self, query: FacilityQuery) -> Sequence[tuple[Recorded[Facility], float]]:
        """Return facilities with their distance in km, by distance and id; the distance is 0 without ``near``."""
        ...

    async def clinicians(self, query: ClinicianQuery) -> Sequence[Recorded[Clinician]]:
        """Return clinicians in order of id."""
        ...

    async def interpreters(self, query: InterpreterQuery) -> Sequence[Recorded[Interpreter]]:
        """Return interpreters in order of id."""
        ...

    async def interpreted(self) -> Sequence[str]:
        """Return the languages of active interpreters, in order."""
        ...

    async def patients(self, query: PatientQuery) -> Sequence[Recorded[Patient]]:
        """Return patients in order of id."""
        ...

    async def registration(self, key: str) -> Registration | None:
        """Return what was registered under the idempotency key ``key``."""
        ...

    async def remember(self, key: str, registration: Registration) -> bool:
        """Keep what ``key`` registered; return False when another request with the key came first."""
        ...

    async def proxies_of(self, patient_ids: Sequence[str], now: datetime) -> Mapping[str, frozenset[str]]:
        """Return who may act for each of ``patient_ids`` at ``now``; patients without proxies are left out."""
        ...

    async def proxies_for(self, patient_id: str) -> Sequence[Recorded[Proxy]]:
        """Return everyone who may or might once act for a patient, in order of id."""
        ...

    async def proxies_by(self, person: str, now: datetime) -> Sequence[Recorded[Proxy]]:
        """Return under which proxies ``person`` may act at ``now``, in order of id."""
        ...

    async def pending(self, username: str = "", limit: int = 1) -> Sequence[Pending]:
        """Return, locked, assignments (of ``username``, or any not tried lately) whose accounts do not have them yet.

        Those that someone else is applying are left out.
        """
        ...

    async def applied(self, username: str, version: int) -> None:
        """Note that the account has what ``version`` of its assignment says."""
        ...

    async def publish(self, events: Sequence[Publishable], at: datetime) -> None:
        """Put ``events`` into the outbox."""
        ...

    async def audit(self, entries: Sequence[AuditEntry]) -> None:
        """Put ``entries`` into the outbox, for the audit trail."""
        ...


UnitOfWork = Callable[[], AbstractAsyncContextManager[Store]]


class ZipCodes(Protocol):
    """Whoever knows where ZIP codes are."""

    def place(self, zip_code: str) -> Place | None:
        """Return the place of a five-digit ZIP code, None when there is no such code."""
        ...


class GlassSigner(Protocol):
    """Signs emergency accesses so that every service can check them."""

    def __call__(self, emergency: Emergency, subject: str, now: datetime, expires_at: datetime) -> str:
        """Return a token that opens ``emergency`` to ``subject`` until ``expires_at``."""
        ...


@dataclass(frozen=True, slots=True)
class Account:
    """A sign-in account as the identity provider has it; ``subject`` is what its tokens say in ``sub``."""

    username: str
    subject: str
    roles: frozenset[str] = frozenset()
    facilities: frozenset[str] = frozenset()
    person: str = ""
    clearances: frozenset[str] = frozenset()

    def has(self, assignment: RoleAssignment) -> bool:
        """Tell whether the account has exactly what ``assignment`` says."""
        said = (
            frozenset({assignment.role.value}), frozenset(assignment.facilities), assignment.person,
            frozenset(assignment.clearances),
        )  # fmt: skip
        return (self.roles, self.facilities, self.person, self.clearances) == said


class Accounts(Protocol):
    """The identity provider's accounts. Raises Unavailable when it does not answer."""

    async def find(self, username: str) -> Account | None:
        """Return the account, None when there is none."""
        ...

    async def assign(self, assignment: RoleAssignment) -> None:
        """Make the account's role, facilities and person those of ``assignment``; repeatable."""
        ...
