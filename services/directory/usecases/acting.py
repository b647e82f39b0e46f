"""Reading who acts for whom: a patient sees to whom they gave it, a proxy whom they may act for."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from services.directory.domain.records import Proxy, Recorded
from services.directory.ports import UnitOfWork
from services.directory.usecases.patients import find_patient
from services.kernel.access import Gate
from services.kernel.clock import Clock
from services.kernel.ids import new_id

MOST = 100


@dataclass(frozen=True, slots=True)
class Acting:
    """The grants that last now, from both sides."""

    begin: UnitOfWork
    clock: Clock

    async def proxies_of(self, gate: Gate, patient_id: str) -> Sequence[Recorded[Proxy]]:
        """Return the grants of ``patient_id``, at most a hundred, by who was granted."""
        now = self.clock.now()
        async with self.begin() as store:
            _, entry = await find_patient(store, gate, patient_id, now)
            found = await store.grants(now, MOST, patient_id=patient_id)
            await store.audit([entry])
        return found

    async def patients_of(self, gate: Gate, person: str) -> Sequence[Recorded[Proxy]]:
        """Return the grants to ``person``, at most a hundred, by patient; each patient is a touch of its own."""
        now = self.clock.now()
        async with self.begin() as store:
            _, entry = await find_patient(store, gate, person, now)
            found = await store.grants(now, MOST, person=person)
            await store.audit([entry, *(replace(entry, id=new_id(), about=one.record.patient_id) for one in found)])
        return found
