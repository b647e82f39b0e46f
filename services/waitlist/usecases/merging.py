"""Requests of a replaced patient come to the survivor, whether they were there when it was told or arrive late.

Who waits for the same under both records waits once: the request with an offer out, else the one that waited longer,
goes on with the better standing of the two (priority, waiting time, lapses); the other ends as withdrawn.
"""

from datetime import datetime

from services.kernel.actor import system_actor
from services.kernel.audit import AuditEntry
from services.kernel.clock import Clock
from services.kernel.ids import new_id
from services.kernel.telemetry import correlation_id
from services.waitlist.domain.ranking import PRIORITY
from services.waitlist.domain.requests import LIVE, Request, Status
from services.waitlist.ports import Store, UnitOfWork
from services.waitlist.usecases.ending import end_request

BATCH = 50


class FollowMerges:
    """Brings stranded requests home; each in a transaction of its own."""

    def __init__(self, work: UnitOfWork, clock: Clock) -> None:
        self._work = work
        self._clock = clock

    async def run(self) -> int:
        """Do all there are; return how many."""
        done = 0
        while True:
            async with self._work() as store:
                found = await store.stranded(BATCH)
            for request, survivor_id in found:
                async with self._work() as store:
                    await self._bring(store, request, survivor_id)
            done += len(found)
            if len(found) < BATCH:
                return done

    async def _bring(self, store: Store, stale: Request, survivor_id: str) -> None:
        # Offers are locked before requests, as everywhere.
        twin = await store.live_twin(stale, survivor_id)
        for one in (stale, twin):
            if one is not None:
                await store.live_offer_of(request_id=one.id)
        request = await store.request(stale.id, lock=True)
        if request is None or request.patient_id != stale.patient_id:
            return
        twin = await store.request(twin.id, lock=True) if twin else None
        now = self._clock.now()
        if request.status in LIVE and twin is not None and twin.status in LIVE:
            kept, lost = _order(request, twin)
            await end_request(store, lost, Status.WITHDRAWN, now)
            priority = max(kept.priority, lost.priority, key=PRIORITY.__getitem__)
            joined_at, lapses = min(kept.joined_at, lost.joined_at), min(kept.lapses, lost.lapses)
            await store.restand(kept.id, priority, joined_at, lapses)
        await store.reassign(request.id, survivor_id)
        await store.audit(_entry(request, survivor_id, now))


def _order(one: Request, other: Request) -> tuple[Request, Request]:
    """Return which of two requests for the same goes on, and which ends."""
    first, second = sorted((one, other), key=lambda r: (r.status is not Status.OFFERED, r.joined_at, r.id))
    return first, second


def _entry(request: Request, survivor_id: str, now: datetime) -> AuditEntry:
    actor = system_actor("waitlist")
    return AuditEntry(
        id=new_id(), at=now, service="waitlist", action="reassign-request", outcome="allowed",
        subject=actor.subject, roles=tuple(actor.roles), person="", resource_type="WaitlistRequest",
        resource_id=str(request.id), about=survivor_id, reason="", policies=(), correlation_id=correlation_id(),
        facilities=tuple(sorted(request.wishes.facilities)),
    )  # fmt: skip
