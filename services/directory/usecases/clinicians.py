"""Clinicians: who works where. Whoever changes that needs authority over every facility it touches."""

from collections.abc import Sequence
from dataclasses import dataclass

from services.directory.domain.records import Clinician, Facility, Recorded, Specialty
from services.directory.domain.values import Findings, missing
from services.directory.ports import ClinicianQuery, Store, UnitOfWork
from services.directory.usecases.facilities import CATALOGUE, facility_resource
from services.directory.usecases.recording import Change, check_version, record_change
from services.kernel.access import Gate
from services.kernel.clock import Clock
from services.kernel.errors import NotFound


@dataclass(frozen=True, slots=True)
class Clinicians:
    """What can be done with clinicians."""

    begin: UnitOfWork
    clock: Clock

    async def search(self, gate: Gate, query: ClinicianQuery) -> Sequence[Recorded[Clinician]]:
        """Return clinicians in order of id."""
        gate.require(CATALOGUE)
        async with self.begin() as store:
            return await store.clinicians(query)

    async def get(self, gate: Gate, clinician_id: str) -> Recorded[Clinician]:
        """Return one clinician or raise NotFound."""
        gate.require(CATALOGUE)
        async with self.begin() as store:
            found = await store.find(Clinician, clinician_id)
        if found is None:
            raise NotFound("There is no such clinician.")
        return found

    async def put(self, gate: Gate, clinician: Clinician, expected: int | None) -> Change[Clinician]:
        """Register or change a clinician; raise Invalid for facilities or a specialty that do not exist.

        The caller needs authority over every facility the clinician works at, before and after.
        """
        now = self.clock.now()
        async with self.begin() as store:
            current = await store.find(Clinician, clinician.clinician_id, lock=True)
            touched = {*clinician.facility_ids, *(current.record.facility_ids if current else ())}
            entries = [gate.require(facility_resource(facility)) for facility in sorted(touched)]
            check_version(current.version if current else None, expected)
            await _refer(store, clinician)
            change = await record_change(store, clinician, current, now)
            await store.audit(entries)
        return change


async def _refer(store: Store, clinician: Clinician) -> None:
    found = Findings()
    facilities = await store.known(Facility, clinician.facility_ids)
    found.unless(not missing(clinician.facility_ids, facilities), "facility_ids", "must be facilities of the directory")
    specialties = await store.known(Specialty, [clinician.specialty])
    found.unless(bool(specialties), "specialty", "must be a specialty of the directory")
    found.settle()
