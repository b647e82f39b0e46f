"""Keeping freed slots back while offers of them are out, and giving one back early: waitlist's two commands.

Both say what shall be so, hence a repetition changes nothing and needs no idempotency key. Slots are kept many at a
time: when a clinic's day is called off, a request and a commit for each would be felt by everybody who books.
"""

from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

from services.booking.domain import freed as rules
from services.booking.domain.freed import FreedSlot, GraceRules
from services.booking.ports import FreedWork
from services.kernel.access import Gate, Resource
from services.kernel.clock import Clock
from services.kernel.errors import Invalid, NotFound

UNKNOWN = "unknown"


class KeepFreedSlots:
    """Extends and releases freed slots."""

    def __init__(self, work: FreedWork, grace: GraceRules, clock: Clock) -> None:
        self._work = work
        self._grace = grace
        self._clock = clock

    async def extend(self, gate: Gate, wanted: Mapping[UUID, datetime]) -> Mapping[UUID, str]:
        """Keep each slot until its instant, all in one transaction; return what stands against it, "" where nothing.

        What cannot be kept (unknown, kept no more, too long) keeps none of the others from being kept.
        """
        now = self._clock.now()
        entries = {freed_id: gate.require(_resource(freed_id)) for freed_id in wanted}
        async with self._work() as store:
            found = {freed.id: freed for freed in await store.locked_all(list(wanted))}
            against = {freed_id: "" if freed_id in found else UNKNOWN for freed_id in wanted}
            kept: list[FreedSlot] = []
            for freed in found.values():
                until = wanted[freed.id]
                if freed.held(now) and freed.open_until == until:
                    continue
                try:
                    kept.append(rules.extend(freed, until, now, self._grace))
                except (rules.FreedSlotGone, Invalid) as refusal:
                    against[freed.id] = refusal.slug
            await store.extend(kept)
            await store.audit([entries[freed.id] for freed in kept])
        return against

    async def release(self, gate: Gate, freed_id: UUID) -> FreedSlot:
        """Give it back to search; raise NotFound, or Conflict when it was taken."""
        async with self._work() as store:
            entry = gate.require(_resource(freed_id))
            freed = await store.locked(freed_id)
            if freed is None:
                raise NotFound("No such freed slot.")
            kept = rules.release(freed, self._clock.now())
            if kept is not freed:
                await store.change(kept)
                await store.audit([entry])
            return kept


def _resource(freed_id: UUID) -> Resource:
    return Resource("Slots", str(freed_id))
