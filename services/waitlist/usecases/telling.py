"""How requests and offers are told on the bus."""

from typing import Any

from services.contracts.events import waitlist as events
from services.waitlist.domain.offers import Offer, OfferState
from services.waitlist.domain.requests import Request, Status


def request_event(request: Request) -> events.RequestEvent:
    """Return the event that tells how a request now stands."""
    fields: dict[str, Any] = {
        "request_id": str(request.id), "version": request.version, "patient_id": request.patient_id,
        "specialty": request.specialty, "visit_type": request.visit_type,
    }  # fmt: skip
    match request.status:
        case Status.WITHDRAWN:
            return events.RequestWithdrawn(**fields)
        case Status.EXPIRED:
            return events.RequestExpired(**fields)
        case _:
            return events.RequestJoined(**fields)


def offer_event(offer: Offer) -> events.OfferEvent:
    """Return the event that tells how an offer now stands."""
    fields: dict[str, Any] = {
        "offer_id": str(offer.id), "version": 1 if offer.state is OfferState.OPEN else 2,
        "patient_id": offer.patient_id, "request_id": str(offer.request_id), "freed_id": str(offer.freed_id),
        "expires_at": offer.expires_at, "timezone": offer.slot.timezone,
    }  # fmt: skip
    match offer.state:
        case OfferState.OPEN:
            return events.OfferMade(**fields)
        case OfferState.ACCEPTED:
            return events.OfferAccepted(**fields)
        case OfferState.DECLINED:
            return events.OfferDeclined(**fields)
        case _:
            return events.OfferExpired(**fields)
