"""Interpreters: who can be had for which language. Whoever changes that needs authority over every facility touched."""

from collections.abc import Sequence
from dataclasses import dataclass

from services.directory.domain.interpreters import Interpreter
from services.directory.domain.records import Facility, Recorded
from services.directory.domain.values import Findings, missing
from services.directory.ports import InterpreterQuery, UnitOfWork
from services.directory.usecases.facilities import CATALOGUE, facility_resource
from services.directory.usecases.recording import Change, check_version, record_change
from services.kernel.access import Gate
from services.kernel.clock import Clock
from services.kernel.errors import NotFound

EVERYWHERE = ("*",)


@dataclass(frozen=True, slots=True)
class Interpreters:
    """What can be done with interpreters. They hold no PHI: who needs one is said by the visit alone."""

    begin: UnitOfWork
    clock: Clock

    async def search(self, gate: Gate, query: InterpreterQuery) -> Sequence[Recorded[Interpreter]]:
        """Return interpreters in order of id."""
        gate.require(CATALOGUE)
        async with self.begin() as store:
            return await store.interpreters(query)

    async def languages(self, gate: Gate) -> Sequence[str]:
        """Return every language that an active interpreter interprets, in order."""
        gate.require(CATALOGUE)
        async with self.begin() as store:
            return await store.interpreted()

    async def get(self, gate: Gate, interpreter_id: str) -> Recorded[Interpreter]:
        """Return one interpreter or raise NotFound."""
        gate.require(CATALOGUE)
        async with self.begin() as store:
            found = await store.find(Interpreter, interpreter_id)
        if found is None:
            raise NotFound("There is no such interpreter.")
        return found

    async def put(self, gate: Gate, interpreter: Interpreter, expected: int | None) -> Change[Interpreter]:
        """Register or change an interpreter; raise Invalid for facilities that do not exist.

        One who serves every facility is for those to change who are responsible for all.
        """
        now = self.clock.now()
        async with self.begin() as store:
            current = await store.find(Interpreter, interpreter.interpreter_id, lock=True)
            former = (current.record.facility_ids or EVERYWHERE) if current else ()
            touched = {*(interpreter.facility_ids or EVERYWHERE), *former}
            entries = [gate.require(facility_resource(facility)) for facility in sorted(touched)]
            check_version(current.version if current else None, expected)
            found = Findings()
            known = await store.known(Facility, interpreter.facility_ids)
            unknown = missing(interpreter.facility_ids, known)
            found.unless(not unknown, "facility_ids", "must be facilities of the directory")
            found.settle()
            change = await record_change(store, interpreter, current, now)
            await store.audit(entries)
        return change
