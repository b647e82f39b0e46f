"""Patients: the minimum about them, and every touch of it in the audit trail."""

import hashlib
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from zoneinfo import ZoneInfo

from services.directory.domain.identities import PatientMerge
from services.directory.domain.proxies import AGES, ProxyAges, realigned
from services.directory.domain.records import Facility, Patient, Proxy, Recorded
from services.directory.domain.values import Findings, missing
from services.directory.ports import PatientQuery, Registration, Store, UnitOfWork
from services.directory.usecases.facilities import facility_resource
from services.directory.usecases.recording import Change, check_version, record_change
from services.kernel.access import AttributeValue, Gate, Resource
from services.kernel.audit import AuditEntry
from services.kernel.clock import Clock
from services.kernel.errors import Conflict, FieldError, Invalid, NotFound
from services.kernel.ids import new_id

NOBODY: frozenset[str] = frozenset()
# Stands for the id until a patient has one.
UNNAMED = "pat-0"


def patient_resource(
    patient_id: str, facilities: Collection[str], proxies: frozenset[str] = NOBODY, *, minor: bool | None = None
) -> Resource:
    """Return a patient's record as access policies see it; without id, what a search may look at."""
    attributes: dict[str, AttributeValue] = {
        "patient": patient_id,
        "proxies": proxies,
        "facilities": frozenset(facilities),
    }
    if minor is not None:
        attributes["minor"] = minor
    return Resource("Patient", patient_id or "search", attributes, about=patient_id)


def new_patient_id() -> str:
    """Return an id that says nothing about anyone and cannot be guessed from another."""
    return f"pat-{new_id().hex}"


async def find_patient(
    store: Store,
    gate: Gate,
    patient_id: str,
    now: datetime,
    minor: Callable[[Patient], bool] | None = None,
    *,
    lock: bool = False,
) -> tuple[Recorded[Patient], AuditEntry]:
    """Return a patient and the audit entry of touching it, which the caller writes; ``minor`` where age decides.

    Raise AccessRefused alike for patients out of reach and patients that are not there; only who may see every
    patient learns that there is none (NotFound).
    """
    found = await store.find(Patient, patient_id, lock=lock)
    proxies = await store.proxies_of([patient_id], now)
    facilities = found.record.facility_ids if found else ()
    young = minor(found.record) if found and minor else None
    entry = gate.require(patient_resource(patient_id, facilities, proxies.get(patient_id, NOBODY), minor=young))
    if found is None:
        raise NotFound("There is no such patient.")
    return found, entry


@dataclass(frozen=True, slots=True)
class Patients:
    """What can be done with patients' records."""

    begin: UnitOfWork
    clock: Clock
    new_id: Callable[[], str] = new_patient_id
    ages: ProxyAges = AGES

    async def get(self, gate: Gate, patient_id: str) -> Recorded[Patient]:
        """Return one patient; for a record that was replaced, the one that replaces it."""
        async with self.begin() as store:
            merge = await store.find(PatientMerge, patient_id)
            patient_id = merge.record.survivor_id if merge else patient_id
            found, entry = await find_patient(store, gate, patient_id, self.clock.now())
            await store.audit([entry])
        return found

    async def register(self, gate: Gate, unnamed: Patient, key: str = "") -> Recorded[Patient]:
        """Register ``unnamed`` under an id of our making; the same ``key`` again returns the patient it made.

        The caller needs authority over every facility named. Raise Conflict when ``key`` was used for another patient.
        """
        now = self.clock.now()
        entries = [gate.require(facility_resource(facility)) for facility in sorted(unnamed.facility_ids)]
        patient = replace(unnamed, patient_id=self.new_id())
        owned_key, digest = f"{gate.actor.subject}:{key}", _digest(unnamed)
        async with self.begin() as store:
            earlier = await store.registration(owned_key) if key else None
            if earlier is not None:
                return await _repeated(store, earlier, digest, entries)
            await _check(store, patient, now)
            change = await record_change(store, patient, None, now)
            if key and not await store.remember(owned_key, Registration(patient.patient_id, digest)):
                raise Conflict("The same registration is being made right now; send it again.", slug="in-progress")
            await store.audit([replace(entry, about=patient.patient_id) for entry in entries])
        return change.recorded

    async def update(self, gate: Gate, patient: Patient, expected: int | None) -> Change[Patient]:
        """Change a patient; adding or removing a facility takes authority over that facility too."""
        now = self.clock.now()
        async with self.begin() as store:
            current, entry = await find_patient(store, gate, patient.patient_id, now, lock=True)
            moved = set(patient.facility_ids) ^ set(current.record.facility_ids)
            entries = [gate.require(patient_resource(patient.patient_id, [facility])) for facility in sorted(moved)]
            if await store.find(PatientMerge, patient.patient_id) is not None:
                raise Conflict("The record was replaced by another one; change that.", slug="replaced")
            check_version(current.version, expected)
            await _check(store, patient, now)
            change = await record_change(store, patient, current, now)
            if (patient.birth_date, patient.timezone) != (current.record.birth_date, current.record.timezone):
                await self._realign(store, patient, now)
            await store.audit([entry, *entries])
        return change

    async def _realign(self, store: Store, patient: Patient, now: datetime) -> None:
        """Give parents' proxies the ends that a corrected birth date gives them."""
        for known in await store.proxies_for(patient.patient_id):
            proxy = await store.find(Proxy, known.record.proxy_id, lock=True)
            if proxy is not None:
                await record_change(store, realigned(proxy.record, patient, self.ages), proxy, now)

    async def search(self, gate: Gate, query: PatientQuery) -> Sequence[Recorded[Patient]]:
        """Return patients the caller may see, each one audited; raise Invalid with fewer than two criteria."""
        if [query.facilities is None, not query.family_key, query.birth_date is None].count(True) > 1:
            what = "needs at least two of facility, family_name and birth_date"
            raise Invalid("Say more about whom you look for.", errors=[FieldError("body", what)])
        own = gate.actor.facilities - {"*"}
        entries = [gate.require(patient_resource("", own if query.facilities is None else query.facilities))]
        if query.facilities is None and not gate.actor.everywhere:
            query = replace(query, facilities=own)
        async with self.begin() as store:
            found = await store.patients(query)
            for recorded in found:
                patient = recorded.record
                entries.append(gate.require(patient_resource(patient.patient_id, patient.facility_ids)))
            await store.audit(entries)
        return found


async def _repeated(
    store: Store, earlier: Registration, digest: str, entries: Sequence[AuditEntry]
) -> Recorded[Patient]:
    if earlier.digest != digest:
        raise Conflict("This Idempotency-Key registered another patient; use a new one.", slug="key-reused")
    found = await store.find(Patient, earlier.patient_id)
    if found is None:
        raise NotFound("There is no such patient.")
    await store.audit([replace(entry, about=earlier.patient_id) for entry in entries])
    return found


async def _check(store: Store, patient: Patient, now: datetime) -> None:
    found = Findings()
    today = now.astimezone(ZoneInfo(patient.timezone)).date()
    found.unless(patient.birth_date <= today, "birth_date", "must not lie in the future")
    known = await store.known(Facility, patient.facility_ids)
    found.unless(not missing(patient.facility_ids, known), "facility_ids", "must be facilities of the directory")
    found.settle()


def _digest(patient: Patient) -> str:
    return hashlib.sha256(repr(replace(patient, patient_id=UNNAMED)).encode()).hexdigest()
