"""Two records of one person become one: FHIR R4 Patient.link, ``replaced-by`` on one, ``replaces`` on the other.

Both records stay; the replaced one is closed and every later question about it is answered with the survivor. What
others keep under the old id they move themselves when told. There is no way back by machine: what is said under the
survivor afterwards belongs to nobody's former half (docs/decisions/0081-patient-merge.md).
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from services.directory.domain.identities import PatientMerge
from services.directory.domain.proxies import proxy_id
from services.directory.domain.records import Patient, Proxy, Recorded, RoleAssignment
from services.directory.ports import Store, UnitOfWork
from services.directory.usecases.patients import find_patient
from services.directory.usecases.recording import Change, record_change
from services.kernel.access import Gate
from services.kernel.clock import Clock
from services.kernel.errors import Conflict, FieldError, Invalid


@dataclass(frozen=True, slots=True)
class Merges:
    """Merging patients, and which were merged."""

    begin: UnitOfWork
    clock: Clock

    async def of(self, gate: Gate, survivor_id: str) -> Sequence[Recorded[PatientMerge]]:
        """Return the merges into ``survivor_id``."""
        async with self.begin() as store:
            _, entry = await find_patient(store, gate, survivor_id, self.clock.now())
            await store.audit([entry])
            return await store.matching(PatientMerge, "survivor_id", survivor_id)

    async def merge(
        self, gate: Gate, survivor_id: str, replaced_id: str, *, despite_birth_dates: bool = False
    ) -> Change[PatientMerge]:
        """Let ``survivor_id`` replace ``replaced_id``; the same again changes nothing.

        The caller needs authority over every facility of both. Raise Conflict when either was replaced before, the
        survivor is closed, or birth dates differ and nobody said that they may.
        """
        if survivor_id == replaced_id:
            raise Invalid("A record cannot replace itself.", errors=[FieldError("body/replaced_id", "is the survivor")])
        now = self.clock.now()
        async with self.begin() as store:
            found = {}
            for patient_id in sorted((survivor_id, replaced_id)):  # in order, against deadlocks
                found[patient_id], entry = await find_patient(store, gate, patient_id, now, lock=True)
                await store.audit([entry])
            standing = await store.find(PatientMerge, replaced_id, lock=True)
            if standing is not None and standing.record.survivor_id == survivor_id:
                return Change(standing, created=False, changed=False)
            if standing is not None:
                raise Conflict("The record was replaced by another one already.", slug="already-replaced")
            survivor, replaced = found[survivor_id], found[replaced_id]
            if await store.find(PatientMerge, survivor_id) is not None:
                raise Conflict("The survivor was itself replaced; merge into the one it leads to.", slug="replaced")
            _check(survivor.record, replaced.record, despite_birth_dates=despite_birth_dates)
            await record_change(store, _united(survivor.record, replaced.record), survivor, now)
            await record_change(store, replace(replaced.record, active=False), replaced, now)
            for earlier in await store.matching(PatientMerge, "survivor_id", replaced_id):
                await record_change(store, replace(earlier.record, survivor_id=survivor_id), earlier, now)
            merge = PatientMerge(replaced_id, survivor_id, now, gate.actor.subject)
            change = await record_change(store, merge, None, now)
            await _move_proxies(store, survivor_id, replaced_id, now)
            for assignment in await store.matching(RoleAssignment, "person", replaced_id):
                await record_change(store, replace(assignment.record, person=survivor_id), assignment, now)
        return change


def _check(survivor: Patient, replaced: Patient, *, despite_birth_dates: bool) -> None:
    if not survivor.active:
        raise Conflict("The survivor's record is closed.", slug="patient-inactive")
    if survivor.birth_date != replaced.birth_date and not despite_birth_dates:
        raise Conflict(
            "The birth dates differ: say that you checked who they are (despite_birth_dates).",
            slug="birth-dates-differ",
        )


def _united(survivor: Patient, replaced: Patient) -> Patient:
    """Return the survivor known wherever either was; its own contact counts, the other's only where it has none."""
    return replace(
        survivor,
        facility_ids=tuple(dict.fromkeys((*survivor.facility_ids, *replaced.facility_ids))),
        email=survivor.email or replaced.email,
        phone=survivor.phone or replaced.phone,
    )


async def _move_proxies(store: Store, survivor_id: str, replaced_id: str, now: datetime) -> None:
    """Carry over who acts for the replaced one and for whom it acts; what the survivor's record says stays."""
    granted = await store.matching(Proxy, "patient_id", replaced_id)
    held = await store.matching(Proxy, "person", replaced_id)
    for proxy in (*granted, *held):
        mine = proxy.record
        patient = survivor_id if mine.patient_id == replaced_id else mine.patient_id
        person = survivor_id if mine.person == replaced_id else mine.person
        key = proxy_id(patient, person)
        if mine.lasts(now) and patient != person and await store.find(Proxy, key, lock=True) is None:
            await record_change(store, replace(mine, proxy_id=key, patient_id=patient, person=person), None, now)
        if mine.active:
            await record_change(store, replace(mine, active=False), proxy, now)
