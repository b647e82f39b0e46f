"""Offers. A link in a message only shows one, after sign-in; answers are POSTs by the patient or a proxy."""

from uuid import UUID

from fastapi import APIRouter

from services.kernel.http import GateDep, guard
from services.waitlist.api.models import OfferView, offer_view
from services.waitlist.api.parts import Authorization, IdempotencyKey, WaitlistDep

router = APIRouter(tags=["offers"])


@router.get("/offers/{offer_id}", **guard("read-offer", 404, 422))
async def read_offer(offer_id: UUID, gate: GateDep, waitlist: WaitlistDep) -> OfferView:
    """Show an offer. Changes nothing, whoever follows the link and however often."""
    return offer_view(await waitlist.answers.read(gate, offer_id))


@router.post("/offers/{offer_id}/accept", **guard("accept-offer", 400, 404, 409, 422))
async def accept_offer(
    offer_id: UUID, key: IdempotencyKey, gate: GateDep, authorization: Authorization, waitlist: WaitlistDep
) -> OfferView:
    """Accept an offer: the visit is booked. Repeating it gives the same answer, with any key."""
    return offer_view(await waitlist.answers.accept(gate, offer_id, authorization))


@router.post("/offers/{offer_id}/decline", **guard("decline-offer", 400, 404, 409, 422))
async def decline_offer(offer_id: UUID, key: IdempotencyKey, gate: GateDep, waitlist: WaitlistDep) -> OfferView:
    """Decline an offer and stay on the list. Repeating it gives the same answer."""
    return offer_view(await waitlist.answers.decline(gate, offer_id))
