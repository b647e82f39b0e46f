"""What a search looks up, from the index: the database is asked for nothing while memory answers."""

from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import UTC, datetime, timedelta

from services.availability.adapters.memory.following import IndexKeeper
from services.availability.adapters.memory.index import SearchIndex
from services.availability.domain.directory import Clinician, Facility, VisitType
from services.availability.domain.places import Box
from services.availability.ports import LookUp, Lookups

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class IndexLookups:
    """Implements ports.Lookups on an index."""

    def __init__(self, index: SearchIndex) -> None:
        self._index = index

    async def facilities(self, facility_ids: Collection[str]) -> Mapping[str, Facility]:
        """Return those of ``facility_ids`` that are known, by id."""
        known = self._index.facilities
        found = [known.records[known.number[name]] for name in facility_ids if name in known.number]
        return {record.facility_id: record for record in found if record is not None}

    async def facilities_in(self, box: Box) -> Sequence[Facility]:
        """Return the active facilities in ``box``."""
        return self._index.facilities.within(box)

    async def clinicians(self, clinician_ids: Collection[str]) -> Mapping[str, Clinician]:
        """Return those of ``clinician_ids`` that are known, by id."""
        known = self._index.clinicians
        found = [known.records[known.number[name]] for name in clinician_ids if name in known.number]
        return {record.clinician.clinician_id: record.clinician for record in found if record is not None}

    async def visit_type(self, visit_type: str) -> VisitType | None:
        """Return the visit type, None when it is not known."""
        return self._index.visit_types.get(visit_type)

    async def visit_types_of(self, specialty: str) -> Sequence[VisitType]:
        """Return every visit type of the specialty."""
        return [one for one in self._index.visit_types.values() if one.specialty == specialty]

    async def reserve_of(self, places: Collection[tuple[str, datetime]]) -> Mapping[tuple[str, datetime], datetime]:
        """Return when the reserved ones of ``places`` open to everyone."""
        found = {}
        for name, at in places:
            kept = self._index.exceptions.get(self._index.clinicians.number.get(name, -1))
            opens = kept.opens(self._index.axis.floor(at)) if kept is not None else None
            if opens is not None:
                found[name, at] = _EPOCH + timedelta(microseconds=opens)
        return found


def lookups(keeper: IndexKeeper, behind: LookUp) -> Callable[[], AbstractAsyncContextManager[Lookups]]:
    """Return what lends the index while it may be answered from, and ``behind`` otherwise."""

    @asynccontextmanager
    async def look_up() -> AsyncIterator[Lookups]:
        current = keeper.current()
        if isinstance(current, SearchIndex):
            yield IndexLookups(current)
        else:
            async with behind() as store:
                yield store

    return look_up
