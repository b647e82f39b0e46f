"""Offering freed slots: choose the next in line, have booking keep the slot, then tell; end what ran out.

Three short steps, each its own transaction, so that no lock is held while booking is asked. What a crash leaves
behind is a row in a state that the next round picks up: an offer that is being secured, or a slot nobody is asked
about. Everything is read from tables, so any number of processes may do this side by side.
"""

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

from services.kernel.clock import Clock
from services.kernel.errors import Unavailable
from services.kernel.ids import new_id
from services.kernel.telemetry import OUTCOMES, logger
from services.waitlist.domain.offers import Offer, OfferState, kept_until, window
from services.waitlist.domain.ranking import MOST_FIT, place
from services.waitlist.domain.requests import Request, Status, allows, as_needed
from services.waitlist.ports import Booking, Candidate, FreedSlot, Store, UnitOfWork
from services.waitlist.usecases.ending import end_offer, end_request
from services.waitlist.usecases.telling import offer_event

PAGE = 50
BATCH = 50
# Slots seen to at once: while booking is asked about one, the next in line for another is chosen. A clinic closed for a
# day frees hundreds in a minute.
LANES = 4


class _Faster(Exception):
    """Another process made an offer of the slot just now; raised to roll the transaction back."""


class Offering:
    """Works off what is to be done. ``notice``: no slot is offered that starts sooner."""

    def __init__(self, work: UnitOfWork, booking: Booking, clock: Clock, notice: timedelta) -> None:
        self._work = work
        self._booking = booking
        self._clock = clock
        self._notice = notice

    async def round(self) -> int:
        """Do everything that is due; return how many steps it took."""
        done = await self.end_due() + await self.secure_all()
        async with asyncio.TaskGroup() as lanes:
            filled = [lanes.create_task(self._fill()) for _ in range(LANES)]
        return done + sum(lane.result() for lane in filled)

    async def _fill(self) -> int:
        done = 0
        while await self.offer_next():
            done += 1
        return done

    async def offer_next(self) -> bool:
        """Offer one freed slot to the next in line, or give it back; False when there is none to see to."""
        now = self._clock.now()
        try:
            async with self._work() as store:
                freed = await store.freed_to_fill(now)
                if freed is None:
                    return False
                offer = await self._choose(store, freed, now)
                if offer is None:
                    await store.close_freed(freed.freed_id, None, freed.slot.starts_at)
        except _Faster:
            return True
        if offer is not None:
            await self._secure(offer)
            return True
        OUTCOMES.labels("waitlist", "nobody-to-ask").inc()
        try:
            await self._booking.release(freed.freed_id)
        except Unavailable:
            # It goes back by itself when its time is over.
            logger().info("release waits for the end of the grace")
        return True

    async def secure_all(self) -> int:
        """Finish the offers that a crash or an outage left half made; return how many were looked at."""
        async with self._work() as store:
            found = await store.securing(BATCH)
        for offer in found:
            await self._secure(offer)
        return len(found)

    async def end_due(self) -> int:
        """End offers that ran out and requests whose last day has passed; return how many."""
        now = self._clock.now()
        async with self._work() as store:
            due = await store.due(now, BATCH)
            for offer in due:
                unanswered = offer.state is OfferState.OPEN
                await end_offer(store, offer, OfferState.EXPIRED if unanswered else OfferState.VOID, now)
        async with self._work() as store:
            # A day is over everywhere once it is over in the westernmost zone, twelve hours behind UTC.
            outlived = await store.outlived((now - timedelta(hours=12)).date(), BATCH)
            for request in outlived:
                await end_request(store, request, Status.EXPIRED, now)
        OUTCOMES.labels("waitlist", "offer-expired").inc(len(due))
        return len(due) + len(outlived)

    async def _choose(self, store: Store, freed: FreedSlot, now: datetime) -> Offer | None:
        """Write an offer of ``freed`` to the first in line who can still be asked."""
        after = None
        best: list[tuple[tuple[datetime, UUID], Request, datetime]] = []
        local_day = freed.slot.starts_at.astimezone(ZoneInfo(freed.slot.timezone)).date()
        while True:
            page = await store.candidates(freed, local_day, after, PAGE)
            best += [(place(request, freed.slot), request, ends) for request, ends in self._askable(page, freed, now)]
            best.sort(key=lambda entry: entry[0])
            # Whoever comes later in order of standing can only be lifted by fit.
            last = page[-1].standing_at if page else None
            if last is not None and len(page) == PAGE and not (best and best[0][0][0] < last - MOST_FIT):
                after = (last, page[-1].request.id)
                continue
            break
        for _, request, ends in best:
            if await store.step(request, Status.OFFERED) is None:
                continue
            offer = Offer(
                new_id(),
                freed.freed_id,
                request.id,
                request.patient_id,
                as_needed(request, freed.slot),
                OfferState.SECURING,
                now,
                ends,
            )
            if not await store.add_offer(offer):
                raise _Faster
            return offer
        return None

    def _askable(
        self, page: Sequence[Candidate], freed: FreedSlot, now: datetime
    ) -> Iterator[tuple[Request, datetime]]:
        """Yield who may be asked, with when the offer would end."""
        for candidate in page:
            request = candidate.request
            if not allows(request, freed.slot, now):
                continue
            notice = max(self._notice, request.wishes.notice)
            zone = ZoneInfo(candidate.timezone or freed.slot.timezone)
            ends = window(now, freed.slot.starts_at, zone, notice)
            if ends is not None:
                yield request, ends

    async def _secure(self, offer: Offer) -> None:
        """Have booking keep the slot as long as the offer lasts, then open the offer; end it if the slot is gone."""
        until = kept_until(offer, self._notice)
        try:
            kept = await self._booking.extend(offer.freed_id, until)
        except Unavailable:
            return
        now = self._clock.now()
        async with self._work() as store:
            # The slot is locked before the offer, as everywhere.
            if kept:
                await store.extend_freed(offer.freed_id, until)
            else:
                await store.close_freed(offer.freed_id, None, offer.slot.starts_at)
            current = await store.offer(offer.id, lock=True)
            if current is None or current.state is not OfferState.SECURING:
                return
            if not kept:
                await end_offer(store, current, OfferState.VOID, now)
                return
            opened = replace(current, state=OfferState.OPEN)
            await store.keep_offer(opened)
            await store.publish([offer_event(opened)], now)
        OUTCOMES.labels("waitlist", "offer-made").inc()
