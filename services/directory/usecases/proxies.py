"""Proxies: who may act for a patient, granted by the patient or by staff, always with an end."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from services.directory.domain.proxies import AGES, ProxyAges, grant, is_minor, proxy_id
from services.directory.domain.records import Patient, Proxy, Recorded
from services.directory.ports import UnitOfWork
from services.directory.usecases.patients import find_patient
from services.directory.usecases.recording import Change, record_change
from services.kernel.access import Gate, Resource
from services.kernel.clock import Clock
from services.kernel.errors import FieldError, Invalid, NotFound
from services.kernel.ids import new_id


@dataclass(frozen=True, slots=True)
class Proxies:
    """What can be done about acting for someone else."""

    begin: UnitOfWork
    clock: Clock
    ages: ProxyAges = AGES

    async def of_patient(self, gate: Gate, patient_id: str) -> Sequence[Recorded[Proxy]]:
        """Return everyone who may, or might once, act for a patient."""
        async with self.begin() as store:
            _, entry = await find_patient(store, gate, patient_id, self.clock.now())
            found = await store.proxies_for(patient_id)
            await store.audit([entry])
        return found

    async def acting_for(self, gate: Gate) -> Sequence[tuple[Recorded[Proxy], Patient]]:
        """Return for whom the caller may act now, and under which proxy; each patient's name is a touch of its own."""
        person = gate.actor.person
        own = gate.require(Resource("Person", person or "nobody", {"person": person}))
        async with self.begin() as store:
            found = []
            for proxy in await store.proxies_by(person, self.clock.now()):
                patient = await store.find(Patient, proxy.record.patient_id)
                if patient is not None and patient.record.active:
                    found.append((proxy, patient.record))
            await store.audit([own, *(replace(own, id=new_id(), about=patient.patient_id) for _, patient in found)])
        return found

    async def grant(self, gate: Gate, patient_id: str, person: str, expires_at: datetime) -> Change[Proxy]:
        """Let ``person`` (a patient's id) act for ``patient_id`` until ``expires_at``, again or for the first time."""
        now = self.clock.now()
        async with self.begin() as store:
            patient, entry = await find_patient(store, gate, patient_id, now, self._minor(now))
            if not await store.known(Patient, [person]):
                what = "must be a person of the directory"
                raise Invalid("Register that person first.", errors=[FieldError("person", what)])
            proxy = grant(patient.record, person, expires_at, now, self.ages)
            current = await store.find(Proxy, proxy.proxy_id, lock=True)
            change = await record_change(store, proxy, current, now)
            await store.audit([entry])
        return change

    async def withdraw(self, gate: Gate, patient_id: str, person: str) -> None:
        """Let ``person`` no longer act for ``patient_id``; raise NotFound when they never could."""
        now = self.clock.now()
        async with self.begin() as store:
            _, entry = await find_patient(store, gate, patient_id, now, self._minor(now))
            current = await store.find(Proxy, proxy_id(patient_id, person), lock=True)
            if current is None:
                raise NotFound("This person never was a proxy of the patient.")
            await record_change(store, replace(current.record, active=False), current, now)
            await store.audit([entry])

    def _minor(self, now: datetime) -> Callable[[Patient], bool]:
        return lambda patient: is_minor(patient, now, self.ages)
