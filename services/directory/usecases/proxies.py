"""Proxies: who may act for a patient, granted by the patient or by staff, always with an end."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime

from services.directory.domain.proxies import check_expiry, proxy_id
from services.directory.domain.records import Patient, Proxy
from services.directory.ports import UnitOfWork
from services.directory.usecases.patients import find_patient
from services.directory.usecases.recording import Change, record_change
from services.kernel.access import Gate
from services.kernel.clock import Clock
from services.kernel.errors import FieldError, Invalid, NotFound


@dataclass(frozen=True, slots=True)
class Proxies:
    """What can be done about acting for someone else."""

    begin: UnitOfWork
    clock: Clock

    async def grant(self, gate: Gate, patient_id: str, person: str, expires_at: datetime) -> Change[Proxy]:
        """Let ``person`` (a patient's id) act for ``patient_id`` until ``expires_at``, again or for the first time."""
        now = self.clock.now()
        async with self.begin() as store:
            patient, entry = await find_patient(store, gate, patient_id, now)
            check_expiry(patient.record, expires_at, now)
            if not await store.known(Patient, [person]):
                what = "must be a person of the directory"
                raise Invalid("Register that person first.", errors=[FieldError("person", what)])
            proxy = Proxy(proxy_id(patient_id, person), patient_id, person, expires_at.astimezone(UTC))
            current = await store.find(Proxy, proxy.proxy_id, lock=True)
            change = await record_change(store, proxy, current, now)
            await store.audit([entry])
        return change

    async def withdraw(self, gate: Gate, patient_id: str, person: str) -> None:
        """Let ``person`` no longer act for ``patient_id``; raise NotFound when they never could."""
        now = self.clock.now()
        async with self.begin() as store:
            _, entry = await find_patient(store, gate, patient_id, now)
            current = await store.find(Proxy, proxy_id(patient_id, person), lock=True)
            if current is None:
                raise NotFound("This person never was a proxy of the patient.")
            await record_change(store, replace(current.record, active=False), current, now)
            await store.audit([entry])
