"""Offering freed slots: choose the next in line, have booking keep the slots, then tell; end what ran out.

Short steps, each its own transaction, so that no lock is held while booking is asked. What a crash leaves behind is a
row in a state that the next round picks up: an offer that is being secured, or a slot nobody is asked about.
Everything is read from tables, so any number of processes may do this side by side.

Slots are secured together: a clinic closed for a day frees hundreds in a minute, and a request to booking for each,
side by side, was felt by everybody who books meanwhile. docs/decisions/0110-pacing-offers.md.
"""

import heapq
from collections.abc import Mapping, Sequence
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
from services.waitlist.domain.requests import Status, allows, as_needed
from services.waitlist.ports import Booking, Candidate, FreedSlot, Store, UnitOfWork
from services.waitlist.usecases.ending import end_offer, end_request
from services.waitlist.usecases.telling import offer_event

PAGE = 50
# Offers made, and secured, together.
BATCH = 50


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
        done = await self.end_due() + await self.secure()
        while made := await self.offer_next():
            done += made
        return done

    async def offer_next(self) -> int:
        """Offer at most BATCH freed slots to the next in line, or give them back; return how many were seen to."""
        now = self._clock.now()
        seen, unwanted = 0, list[UUID]()
        while seen < BATCH:
            try:
                async with self._work() as store:
                    freed = await store.freed_to_fill(now)
                    if freed is None:
                        break
                    seen += 1
                    if not await self._choose(store, freed, now):
                        await store.close_freed(freed.freed_id, None, freed.slot.starts_at)
                        unwanted.append(freed.freed_id)
            except _Faster:
                continue
        if seen > len(unwanted):
            await self.secure()
        await self._give_back(unwanted)
        return seen

    async def secure(self) -> int:
        """Have booking keep the slots of offers that are not told yet, then tell them; return how many there were.

        Those of this round, and what a crash or an outage left half made.
        """
        async with self._work() as store:
            # In the order of their slots, as everywhere: a slot is locked before its offer.
            found = sorted(await store.securing(BATCH), key=lambda offer: offer.freed_id)
        if not found:
            return 0
        until = {offer.freed_id: kept_until(offer, self._notice) for offer in found}
        try:
            kept = await self._booking.extend(until)
        except Unavailable:
            return len(found)
        now = self._clock.now()
        async with self._work() as store:
            opened = [
                offer for one in found if (offer := await self._opened(store, one, one.freed_id in kept, until, now))
            ]
            await store.publish([offer_event(offer) for offer in opened], now)
        OUTCOMES.labels("waitlist", "offer-made").inc(len(opened))
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

    async def _choose(self, store: Store, freed: FreedSlot, now: datetime) -> bool:
        """Write an offer of ``freed`` to the first in line who can still be asked; False when there is nobody."""
        after = None
        line: list[tuple[tuple[datetime, UUID], Candidate]] = []
        local_day = freed.slot.starts_at.astimezone(ZoneInfo(freed.slot.timezone)).date()
        while True:
            page = await store.candidates(freed, local_day, after, PAGE)
            for candidate in page:
                if allows(candidate.request, freed.slot, now):
                    heapq.heappush(line, (place(candidate.request, freed.slot), candidate))
            # Whoever comes later in order of standing can only be lifted by fit.
            more = len(page) == PAGE
            settled = page[-1].standing_at - MOST_FIT if more else None
            while line and (settled is None or line[0][0][0] < settled):
                _, candidate = heapq.heappop(line)
                if await self._ask(store, candidate, freed, now):
                    return True
            if not more:
                return False
            after = (page[-1].standing_at, page[-1].request.id)

    async def _ask(self, store: Store, candidate: Candidate, freed: FreedSlot, now: datetime) -> bool:
        """Write an offer to ``candidate``; False when there is no time for one, or they changed their mind."""
        request = candidate.request
        zone = ZoneInfo(candidate.timezone or freed.slot.timezone)
        ends = window(now, freed.slot.starts_at, zone, max(self._notice, request.wishes.notice))
        if ends is None or await store.step(request, Status.OFFERED) is None:
            return False
        offer = Offer(
            new_id(), freed.freed_id, request.id, request.patient_id, as_needed(request, freed.slot),
            OfferState.SECURING, now, ends,
        )  # fmt: skip
        if not await store.add_offer(offer):
            raise _Faster
        return True

    async def _opened(
        self, store: Store, offer: Offer, kept: bool, until: Mapping[UUID, datetime], now: datetime
    ) -> Offer | None:
        """Open a secured offer, or end it when its slot is gone; None unless it is open now and was not before."""
        if kept:
            await store.extend_freed(offer.freed_id, until[offer.freed_id])
        else:
            await store.close_freed(offer.freed_id, None, offer.slot.starts_at)
        current = await store.offer(offer.id, lock=True)
        if current is None or current.state is not OfferState.SECURING:
            return None
        if not kept:
            await end_offer(store, current, OfferState.VOID, now)
            return None
        opened = replace(current, state=OfferState.OPEN)
        await store.keep_offer(opened)
        return opened

    async def _give_back(self, unwanted: Sequence[UUID]) -> None:
        OUTCOMES.labels("waitlist", "nobody-to-ask").inc(len(unwanted))
        for freed_id in unwanted:
            try:
                await self._booking.release(freed_id)
            except Unavailable:
                # They go back by themselves when their time is over.
                logger().info("release waits for the end of the grace")
                return
