"""Which times are open at a facility, for anybody: how many places a start has, but nothing of who gives the care.

Searches answer one person with the first few offers; this answers those who show a whole facility to everyone, with
no offer, since who wants one has to sign in.
"""

import asyncio
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from services.availability.domain.slots import OpenSlot, SlotQuery
from services.availability.ports import LookUp, SlotSearch
from services.kernel.access import Gate, Resource
from services.kernel.clock import Clock

# What one look of the search in memory answers; more would keep the process from everyone else for too long.
AT_ONCE = 200
# Of one kind of visit at one facility; beyond it the days are left out from the end, and the answer says until when.
MOST = 4000


@dataclass(frozen=True, slots=True, order=True)
class OpenTime:
    """A start that is open, and at how many clinicians of the facility (a clinic counts as one: at least so many)."""

    starts_at: datetime
    visit_type: str
    ends_at: datetime
    places: int


@dataclass(frozen=True, slots=True)
class OpenTimesFound:
    """Open times by start within [searched_from, searched_to)."""

    times: Sequence[OpenTime]
    searched_from: datetime
    searched_to: datetime


class OpenTimes:
    """Finds every open start of a facility."""

    def __init__(
        self, look_up: LookUp, search: SlotSearch, clock: Clock, *, at_once: int = AT_ONCE, most: int = MOST
    ) -> None:
        self._at_once, self._most = at_once, most
        self._look_up = look_up
        self._search = search
        self._clock = clock

    async def at(self, facility_id: str, visit_types: Sequence[str], days: int, gate: Gate) -> OpenTimesFound:
        """Return the coming ``days``' open times of ``visit_types``; kinds and facilities nobody knows have none."""
        gate.require(Resource("Slots", "slots"))
        now = self._clock.now()
        until = now + timedelta(days=days)
        async with self._look_up() as store:
            known = [await store.visit_type(code) for code in dict.fromkeys(visit_types)]
        found: list[OpenTime] = []
        for kind in known:
            if kind is None or not kind.active:
                continue
            query = SlotQuery(
                kind.specialty, kind.visit_type, kind.minutes, now, until, distances={facility_id: None}
            )  # fmt: skip
            slots = await self._every(query, now)
            if len(slots) >= self._most:
                until = min(until, max(slot.starts_at for slot in slots))
            places = Counter((slot.starts_at, slot.ends_at) for slot in slots)
            found += [OpenTime(starts, kind.visit_type, ends, count) for (starts, ends), count in places.items()]
        return OpenTimesFound(sorted(time for time in found if time.starts_at < until), now, until)

    async def _every(self, query: SlotQuery, now: datetime) -> Sequence[OpenSlot]:
        """Return the open slots, a stretch after the other, letting others in between."""
        found: dict[str, OpenSlot] = {}
        while len(found) < self._most:
            stretch = await self._search.first(query, self._at_once, now)
            found |= {slot.slot_id: slot for slot in stretch}
            if len(stretch) < self._at_once:
                break
            last = stretch[-1].starts_at
            query = replace(query, starts_at=last if last > query.starts_at else last + timedelta(microseconds=1))
            await asyncio.sleep(0)
        return list(found.values())
