"""What a loser is offered instead: the nearest open slots, asked for once however many lost the same slot.

In a rush thousands lose one slot within seconds. They share one search, kept for about a second; asking again for each
would turn booking's rush into availability's outage. When availability is too busy to answer, what it last said serves
for a minute more: booking leaves out what has been taken since.
"""

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from services.booking.ports import OpenSlot, OpenSlots, TakenPlaces
from services.contracts.slot_offer import SlotOffer
from services.kernel.clock import Clock
from services.kernel.errors import Unavailable
from services.kernel.resilience import shared

SHOWN = 5
KEPT_SECONDS = 1.0
FALLBACK_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Alternatives:
    """Open slots, best first; ``status`` is ``ok``, or ``unavailable`` when they could not be searched."""

    items: tuple[Mapping[str, Any], ...]
    status: str

    def as_problem(self) -> dict[str, Any]:
        """Return the members they add to a problem+json."""
        return {"alternatives": list(self.items), "alternatives_status": self.status}


class FindAlternatives:
    """Searches near a lost slot, leaving out what booking itself knows to be taken."""

    def __init__(self, slots: OpenSlots, places: TakenPlaces, clock: Clock, kept_seconds: float = KEPT_SECONDS) -> None:
        self._slots = slots
        self._places = places
        self._clock = clock
        self._kept = kept_seconds
        self._running: dict[str, tuple[float, asyncio.Task[Sequence[OpenSlot]]]] = {}
        self._answered: dict[str, tuple[float, Sequence[OpenSlot]]] = {}

    async def near(self, lost: SlotOffer, patient_id: str, authorization: str) -> Alternatives:
        """Return what is open near ``lost`` for this patient; never raises because availability is out."""
        try:
            # A caller who hangs up must not end the search of the others.
            found = await asyncio.shield(self._shared(lost, authorization))
        except Unavailable:
            return Alternatives((), "unavailable")
        offers = [slot.offer for slot in found]
        fitting = await self._places.patient_free(patient_id, offers, self._clock.now()) if offers else frozenset()
        items = [slot.item for slot in found if slot.offer.slot_id in fitting]
        return Alternatives(tuple(items[:SHOWN]), "ok")

    def _shared(self, lost: SlotOffer, authorization: str) -> asyncio.Task[Sequence[OpenSlot]]:
        now = time.monotonic()
        what = _wanted(lost)
        if (latest := self._running.get(what)) and not self._stale(*latest, now):
            return latest[1]
        # Tidied up once a search, not once a loser.
        self._running = {slot: kept for slot, kept in self._running.items() if not self._stale(*kept, now)}
        self._answered = {slot: kept for slot, kept in self._answered.items() if now - kept[0] <= FALLBACK_SECONDS}
        task = shared(self._search(lost, authorization))
        # A failure nobody waits for any more is no news: the dependency has logged it.
        task.add_done_callback(lambda done: done.cancelled() or done.exception())
        self._running[what] = (now, task)
        return task

    def _stale(self, started: float, task: asyncio.Task[Sequence[OpenSlot]], now: float) -> bool:
        return task.done() and now - started > self._kept

    async def _search(self, lost: SlotOffer, authorization: str) -> Sequence[OpenSlot]:
        now = self._clock.now()
        found = {slot.offer.slot_id: slot for slot in await self._ask(lost, now, authorization)}
        # With another interpreter the same time is the best there is.
        if (same := found.get(lost.slot_id)) and same.offer.resources == lost.resources:
            del found[lost.slot_id]
        free = await self._places.free_of([slot.offer for slot in found.values()], now) if found else frozenset()
        ahead = [slot for slot in found.values() if slot.offer.slot_id in free and slot.offer.starts_at > now]
        return sorted(ahead, key=lambda slot: _rank(lost, slot.offer))

    async def _ask(self, lost: SlotOffer, now: datetime, authorization: str) -> Sequence[OpenSlot]:
        try:
            found = await self._slots.near(lost, now, authorization)
        except Unavailable:
            if _wanted(lost) not in self._answered:
                raise
            return self._answered[_wanted(lost)][1]
        self._answered[_wanted(lost)] = (time.monotonic(), found)
        return found


def _wanted(lost: SlotOffer) -> str:
    """Return what a search is shared by: the slot, and the language interpreted in it."""
    return f"{lost.slot_id} {lost.interpreted}"


def _rank(lost: SlotOffer, other: SlotOffer) -> tuple[bool, bool, float, str]:
    """Same clinician first, then the same facility; within each the nearest in time; ties by id, to be repeatable."""
    return (
        other.clinician_id != lost.clinician_id,
        other.facility_id != lost.facility_id,
        abs((other.starts_at - lost.starts_at).total_seconds()),
        other.slot_id,
    )
