"""Keeping a freed slot back while an offer of it is out, and giving it back early: waitlist's two commands.

Both say what shall be so, hence a repetition changes nothing and needs no idempotency key.
"""

from datetime import datetime
from uuid import UUID

from services.booking.domain import freed as rules
from services.booking.domain.freed import FreedSlot, GraceRules
from services.booking.ports import FreedWork
from services.kernel.access import Gate, Resource
from services.kernel.clock import Clock
from services.kernel.errors import Conflict, NotFound


class KeepFreedSlots:
    """Extends and releases freed slots."""

    def __init__(self, work: FreedWork, grace: GraceRules, clock: Clock) -> None:
        self._work = work
        self._grace = grace
        self._clock = clock

    async def extend(self, gate: Gate, freed_id: UUID, until: datetime) -> FreedSlot:
        """Keep it until ``until``; raise NotFound, Conflict (it is kept no more) or Invalid (too long)."""
        now = self._clock.now()
        async with self._work() as store:
            entry = gate.require(_resource(freed_id))
            freed = await store.locked(freed_id)
            if freed is None:
                raise NotFound("No such freed slot.")
            if freed.held(now) and freed.open_until == until:
                return freed
            try:
                kept = rules.extend(freed, until, now, self._grace)
            except rules.FreedSlotGone as gone:
                raise Conflict(gone.detail, slug=gone.slug) from None
            await store.change(kept)
            await store.audit(entry)
            return kept

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
                await store.audit(entry)
            return kept


def _resource(freed_id: UUID) -> Resource:
    return Resource("Slots", str(freed_id))
