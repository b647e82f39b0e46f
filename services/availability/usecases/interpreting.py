"""Slots for which clinician, room and an interpreter are free together.

The search for slots knows nothing of interpreters. Interpreters are few: their free time is read first, slots are
looked for only within it, a page at a time, and each is kept that somebody can be there for. So nothing is missed
where interpreters are scarce, and little is read where they are not.
"""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from services.availability.domain.interpreters import FreeTime, choose, joined, window_around
from services.availability.domain.slots import OpenSlot, SlotQuery
from services.availability.ports import InterpreterTimes, SlotSearch

LONGEST_VISIT = timedelta(hours=8)


@dataclass(frozen=True, slots=True)
class InterpretedSlots:
    """A search for slots, and whoever knows when interpreters are free."""

    search: SlotSearch
    times: InterpreterTimes

    async def first(self, query: SlotQuery, language: str, limit: int, now: datetime) -> Sequence[OpenSlot]:
        """Return the first ``limit`` open slots by OpenSlot.rank, each with an interpreter of ``language``."""
        free = await self.times.free(language, window_around(query.starts_at, query.ends_at, LONGEST_VISIT), now)
        served = _served(query, free)
        found: list[OpenSlot] = []
        if served is None:
            return found
        for period in joined(period for one in free for period in one.periods):
            within = replace(
                served, starts_at=max(query.starts_at, period.starts_at), ends_at=min(query.ends_at, period.ends_at)
            )
            if within.starts_at >= within.ends_at:
                continue
            async for slot in self._all(within, 2 * limit, now):
                if chosen := choose(slot, free):
                    found.append(replace(slot, interpreter_id=chosen.interpreter_id, interpreted=language))
                    if len(found) == limit:
                        return found
        return found

    async def _all(self, query: SlotQuery, page: int, now: datetime) -> AsyncIterator[OpenSlot]:
        """Yield every open slot of the query in order of rank, read in pages."""
        while query.starts_at < query.ends_at:
            slots = await self.search.first(query, page, now)
            if len(slots) < page:
                for slot in slots:
                    yield slot
                return
            last = slots[-1].starts_at
            # A page may end amid slots that begin together: those come with the next one, or need a longer page.
            whole = [slot for slot in slots if slot.starts_at < last]
            for slot in whole:
                yield slot
            if not whole:
                page *= 2
            query = replace(query, starts_at=last)


def _served(query: SlotQuery, free: Sequence[FreeTime]) -> SlotQuery | None:
    """Return the query narrowed to the facilities that any of the interpreters serves, None when there is none."""
    if not any(one.periods for one in free):
        return None
    if any(not one.interpreter.facility_ids for one in free):
        return query
    served = sorted({name for one in free for name in one.interpreter.facility_ids})
    asked = dict.fromkeys(served) if query.distances is None else query.distances
    distances = {name: asked[name] for name in served if name in asked}
    return replace(query, distances=distances) if distances else None
