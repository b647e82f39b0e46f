"""The catalogue of care: specialties, and the kinds of visits they offer."""

from collections.abc import Sequence
from dataclasses import dataclass

from services.directory.domain.records import Recorded, Specialty, VisitType
from services.directory.domain.values import Findings
from services.directory.ports import UnitOfWork
from services.directory.usecases.facilities import CATALOGUE
from services.directory.usecases.recording import Change, check_version, record_change
from services.kernel.access import Gate
from services.kernel.clock import Clock


@dataclass(frozen=True, slots=True)
class Catalogue:
    """What can be done with specialties and visit types."""

    begin: UnitOfWork
    clock: Clock

    async def specialties(self, gate: Gate) -> Sequence[Recorded[Specialty]]:
        """Return every specialty by code."""
        gate.require(CATALOGUE)
        async with self.begin() as store:
            return await store.catalogue(Specialty)

    async def visit_types(self, gate: Gate, specialty: str = "") -> Sequence[Recorded[VisitType]]:
        """Return every visit type (of ``specialty``, or all) by code."""
        gate.require(CATALOGUE)
        async with self.begin() as store:
            found = await store.catalogue(VisitType)
        return [recorded for recorded in found if specialty in {"", recorded.record.specialty}]

    async def put_visit_type(self, gate: Gate, visit_type: VisitType, expected: int | None) -> Change[VisitType]:
        """Define or change a visit type; raise Invalid for a specialty that does not exist."""
        entry = gate.require(CATALOGUE)
        now = self.clock.now()
        async with self.begin() as store:
            current = await store.find(VisitType, visit_type.code, lock=True)
            check_version(current.version if current else None, expected)
            found = Findings()
            known = await store.known(Specialty, [visit_type.specialty])
            found.unless(bool(known), "specialty", "must be a specialty of the directory")
            found.settle()
            change = await record_change(store, visit_type, current, now)
            await store.audit([entry])
        return change
