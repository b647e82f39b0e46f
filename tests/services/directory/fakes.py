"""One double per port of the directory: records in memory, a few ZIP codes, accounts that can be made to fail."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from copy import copy
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any, cast

from services.contracts.roles import Role
from services.directory.domain.interpreters import Interpreter
from services.directory.domain.places import Place, distance_km
from services.directory.domain.records import (
    Clinician,
    Facility,
    Patient,
    Proxy,
    R,
    Record,
    Recorded,
    RoleAssignment,
    Specialty,
    VisitType,
    key_of,
)
from services.directory.ports import (
    Account,
    ClinicianQuery,
    FacilityQuery,
    InterpreterQuery,
    PatientQuery,
    Pending,
    Registration,
    Store,
)
from services.kernel.access import Gate
from services.kernel.actor import Actor
from services.kernel.audit import AuditEntry
from services.kernel.clock import FixedClock
from services.kernel.errors import NotFound, Unavailable
from services.kernel.outbox import Publishable
from tests.fixtures.edge import POLICIES

NOW = datetime(2026, 11, 23, 15, 0, tzinfo=UTC)
BOSTON = Facility(
    "fac-0001", "Careslot Boston Medical Center", "hospital", "1 Main St", "Boston", "MA", "02108", 42.3576, -71.0684,
    "America/New_York",
)  # fmt: skip
WORCESTER = Facility(
    "fac-0002", "Careslot Worcester Medical Center", "hospital", "2 Main St", "Worcester", "MA", "01608", 42.2626,
    -71.8023, "America/New_York",
)  # fmt: skip
PHOENIX = Facility(
    "fac-0003", "Careslot Phoenix Outpatient Center", "outpatient-centre", "3 Main St", "Phoenix", "AZ", "85004",
    33.4515, -112.0688, "America/Phoenix",
)  # fmt: skip
FAMILY = Specialty("family-medicine", "Family medicine")
FOLLOW_UP = VisitType("family-medicine-follow-up", "Follow-up visit", "family-medicine", 20)
ANA = Clinician("cln-00001", "Dr. Ana Flores", "family-medicine", ("en", "es"), ("fac-0001",))
MARIA = Patient(
    "pat-000001", "María", "Muñoz", date(1980, 2, 3), "maria@example.org", "+16175550100", "es", "America/New_York",
    ("fac-0001",),
)  # fmt: skip
JOHN = replace(
    MARIA, patient_id="pat-000002", given_name="John", family_name="Munroe", email="", phone="",
    facility_ids=("fac-0002",), language="en",
)  # fmt: skip
CHILD = replace(MARIA, patient_id="pat-000003", given_name="Lía", birth_date=date(2016, 2, 29))
WORLD: tuple[Record, ...] = (FAMILY, FOLLOW_UP, BOSTON, WORCESTER, PHOENIX, ANA, MARIA, JOHN, CHILD)


def actor(name: str, role: Role, *facilities: str, person: str = "") -> Actor:
    """Return a caller with one role."""
    return Actor(name, frozenset({role.value}), person=person, facilities=frozenset(facilities))


ACTORS = {
    found.subject: found
    for found in (
        actor("desk", Role.FRONT_DESK, "fac-0001"),
        actor("desk2", Role.FRONT_DESK, "fac-0002"),
        actor("callcentre", Role.SCHEDULER, "*"),
        actor("administrator", Role.FACILITY_ADMINISTRATOR, "*"),
        actor("administrator1", Role.FACILITY_ADMINISTRATOR, "fac-0001"),
        actor("auditor", Role.AUDITOR, "*"),
        actor("maria", Role.PATIENT, person="pat-000001"),
        actor("john", Role.PROXY, person="pat-000002"),
    )
}


def gate_of(who: Actor | str, action: str) -> Gate:
    """Return the gate of a request by ``who`` for ``action``, over the real policies."""
    caller = ACTORS[who] if isinstance(who, str) else who
    return Gate(POLICIES, FixedClock(NOW), service="directory", action=action, actor=caller, correlation_id="c" * 32)


class FakeZipCodes:
    """Knows a few ZIP codes: 00002 crosses a border, 00003 has no coordinates, 00004 neither them nor a zone."""

    PLACES: Mapping[str, Place] = {
        place.zip_code: place
        for place in (
            Place("02108", "Boston", frozenset({"MA"}), 42.3576, -71.0684, "America/New_York"),
            Place("35957", "Boaz", frozenset({"AL"}), 34.2009, -86.1527, "America/Chicago"),
            Place("00602", "Aguada", frozenset({"PR"}), 18.3607, -67.1752, "America/Puerto_Rico"),
            Place("00002", "Border", frozenset({"TN", "VA"}), 36.5951, -82.1887, "America/New_York"),
            Place("00003", "Nowhere", frozenset({"AK"}), None, None, "America/Anchorage"),
            Place("00004", "Napakiak", frozenset({"AK"}), 60.6967, -161.9519, ""),
        )
    }

    def place(self, zip_code: str) -> Place | None:
        return self.PLACES.get(zip_code)


class FakeAccounts:
    """Accounts in memory; ``down`` makes the provider fail, ``assigned`` tells what it was told."""

    def __init__(self, *accounts: Account) -> None:
        self.accounts = {account.username: account for account in accounts}
        self.assigned: list[RoleAssignment] = []
        self.down = False

    async def find(self, username: str) -> Account | None:
        return self.accounts.get(username)

    async def assign(self, assignment: RoleAssignment) -> None:
        if self.down:
            raise Unavailable("cognito does not answer.")
        if assignment.username not in self.accounts:
            raise NotFound("No account has this user name.")
        self.assigned.append(assignment)
        self.accounts[assignment.username] = replace(
            self.accounts[assignment.username],
            roles=frozenset({assignment.role.value}),
            facilities=frozenset(assignment.facilities),
            person=assignment.person,
        )


class MemoryStore:
    """ports.Store in memory: `begin` is its unit of work, which forgets everything when left by an error."""

    def __init__(self, *records: Record) -> None:
        self.records: dict[tuple[type, str], Recorded[Any]] = {
            (type(record), key_of(record)): Recorded(record, 1) for record in records
        }
        self.registrations: dict[str, Registration] = {}
        self.applied_versions: dict[str, int] = {}
        self.tried: set[str] = set()
        self.events: list[Publishable] = []
        self.entries: list[AuditEntry] = []

    @asynccontextmanager
    async def begin(self) -> AsyncIterator[Store]:
        before = {name: copy(value) for name, value in vars(self).items()}
        try:
            yield self
        except BaseException:
            vars(self).update(before)
            raise

    async def find(self, kind: type[R], key: str, *, lock: bool = False) -> Recorded[R] | None:
        return self.records.get((kind, key))

    async def put(self, record: Record, version: int) -> bool:
        place = (type(record), key_of(record))
        current = self.records.get(place)
        if (current.version if current else 0) != version - 1:
            return False
        self.records[place] = Recorded(cast(Any, record), version)
        return True

    async def put_many(self, records: Sequence[R], *, replace: bool) -> Mapping[str, int]:
        done: dict[str, int] = {}
        for record in records:
            current = self.records.get((type(record), key_of(record)))
            if current is None or (replace and current.record != record):
                done[key_of(record)] = current.version + 1 if current else 1
                await self.put(record, done[key_of(record)])
        return done

    async def known(self, kind: type[R], keys: Sequence[str]) -> frozenset[str]:
        return frozenset(key for key in keys if (kind, key) in self.records)

    async def find_many(self, kind: type[R], keys: Sequence[str]) -> Mapping[str, Recorded[R]]:
        return {key: self.records[kind, key] for key in keys if (kind, key) in self.records}

    async def matching(self, kind: type[R], column: str, value: str) -> Sequence[Recorded[R]]:
        return [r for r in await self.catalogue(kind) if getattr(r.record, column) == value]

    async def page(self, kind: type[R], after: str, limit: int) -> Sequence[Recorded[R]]:
        return [r for r in await self.catalogue(kind) if key_of(r.record) > after][:limit]

    async def catalogue(self, kind: type[R]) -> Sequence[Recorded[R]]:
        return [self.records[place] for place in sorted(self.records, key=str) if place[0] is kind]

    async def facilities(self, query: FacilityQuery) -> Sequence[tuple[Recorded[Facility], float]]:
        found = []
        for recorded in await self.catalogue(Facility):
            near, it = query.near, recorded.record
            away = distance_km(near.latitude, near.longitude, it.latitude, it.longitude) if near else 0.0
            if (not near or away <= near.within_km) and query.state in {"", it.state}:
                found.append((recorded, away))
        return sorted(found, key=lambda pair: (pair[1], pair[0].record.facility_id))[: query.limit]

    async def clinicians(self, query: ClinicianQuery) -> Sequence[Recorded[Clinician]]:
        return [r for r in await self.catalogue(Clinician) if query.specialty in {"", r.record.specialty}]

    async def interpreters(self, query: InterpreterQuery) -> Sequence[Recorded[Interpreter]]:
        return [r for r in await self.catalogue(Interpreter) if query.language in {"", *r.record.languages}]

    async def interpreted(self) -> Sequence[str]:
        found = await self.catalogue(Interpreter)
        return sorted({language for r in found if r.record.active for language in r.record.languages})

    async def patients(self, query: PatientQuery) -> Sequence[Recorded[Patient]]:
        return [
            recorded
            for recorded in await self.catalogue(Patient)
            if query.facilities is None or query.facilities & set(recorded.record.facility_ids)
            if recorded.record.family_key.startswith(query.family_key)
            if query.birth_date in {None, recorded.record.birth_date}
        ][: query.limit]

    async def registration(self, key: str) -> Registration | None:
        return self.registrations.get(key)

    async def remember(self, key: str, registration: Registration) -> bool:
        return self.registrations.setdefault(key, registration) is registration

    async def proxies_of(self, patient_ids: Sequence[str], now: datetime) -> Mapping[str, frozenset[str]]:
        lasting = [r.record for r in await self.catalogue(Proxy) if r.record.lasts(now)]
        people = {id_: frozenset(p.person for p in lasting if p.patient_id == id_) for id_ in patient_ids}
        return {id_: found for id_, found in people.items() if found}

    async def pending(self, username: str = "", limit: int = 1) -> Sequence[Pending]:
        found = [
            Pending(r.record, r.version)
            for r in await self.catalogue(RoleAssignment)
            if self.applied_versions.get(r.record.username, 0) < r.version
            if r.record.username == username or (not username and r.record.username not in self.tried)
        ][:limit]
        self.tried |= {pending.assignment.username for pending in found}
        return found

    async def proxies_for(self, patient_id: str) -> Sequence[Recorded[Proxy]]:
        return [
            found
            for (kind, _), found in self.records.items()
            if kind is Proxy and found.record.patient_id == patient_id
        ]

    async def proxies_by(self, person: str, now: datetime) -> Sequence[Recorded[Proxy]]:
        proxies = [
            found for (kind, _), found in self.records.items() if kind is Proxy and found.record.person == person
        ]
        return [found for found in proxies if found.record.lasts(now)]

    async def applied(self, username: str, version: int) -> None:
        self.applied_versions[username] = version

    async def publish(self, events: Sequence[Publishable], at: datetime) -> None:
        self.events = [*self.events, *events]

    async def audit(self, entries: Sequence[AuditEntry]) -> None:
        self.entries = [*self.entries, *entries]
