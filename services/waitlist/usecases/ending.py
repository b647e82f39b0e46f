"""How an offer ends, wherever it ends: offer, request, demand and events together, in the transaction at hand."""

from dataclasses import replace
from datetime import datetime

from services.waitlist.domain.offers import Offer, OfferState
from services.waitlist.domain.requests import LIVE, Request, Status
from services.waitlist.ports import Store
from services.waitlist.usecases.telling import offer_event, request_event


async def end_offer(store: Store, offer: Offer, state: OfferState, now: datetime) -> Offer:
    """End a locked, live offer; its request waits on, a step further back when nobody answered."""
    ended = replace(offer, state=state)
    await store.keep_offer(ended)
    request = await store.request(offer.request_id, lock=True)
    if request is not None and request.status is Status.OFFERED:
        lapsed = request.lapses + 1 if state is OfferState.EXPIRED else request.lapses
        await store.step(request, Status.WAITING, lapses=lapsed)
    # Who was never told of an offer is not told of its end.
    if offer.state is OfferState.OPEN:
        await store.publish([offer_event(ended)], now)
    return ended


async def accept_offer(store: Store, offer: Offer, subject: str, appointment_id: str, now: datetime) -> Offer:
    """Note that booking gave the (closed) slot to whom it was offered; the request is served."""
    accepted = replace(offer, state=OfferState.ACCEPTED, accepted_by=subject, appointment_id=appointment_id)
    await store.keep_offer(accepted)
    request = await store.request(offer.request_id, lock=True)
    if request is not None and request.status in LIVE:
        await end_request(store, request, Status.ACCEPTED, now)
    if offer.state is not OfferState.ACCEPTED:
        await store.publish([offer_event(accepted)], now)
    return accepted


async def end_request(store: Store, request: Request, status: Status, now: datetime) -> Request:
    """End a locked, live request, with the offer that may be out for it."""
    offer = await store.live_offer_of(request_id=request.id)
    if offer is not None:
        await store.keep_offer(replace(offer, state=OfferState.DECLINED))
        if offer.state is OfferState.OPEN:
            await store.publish([offer_event(replace(offer, state=OfferState.DECLINED))], now)
    ended = await store.step(request, status)
    assert ended is not None, "a locked row changes under nobody else's hands"
    await store.publish(await store.count_demand(request, -1), now)
    if status is not Status.ACCEPTED:
        await store.publish([request_event(ended)], now)
    return ended
