"""An offer of an earlier visit, as the link in the message shows it. Looking changes nothing; answers are forms.

Whoever is not signed in sees nothing of it but the way to sign in, and comes back here afterwards.
"""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Path, Response

from services.kernel.errors import Conflict
from services.portal.api.drawing import draw, go
from services.portal.api.entrance import PageRoute, Visit, VisitDep, page
from services.portal.api.names import Names

router = APIRouter(tags=["offers"], route_class=PageRoute)
OfferId = Annotated[UUID, Path()]
GONE = {
    "offer-gone": "Somebody else was a moment faster.",
    "offer-ended": "The time to answer this offer is over.",
    "offer-accepted": "This offer was accepted already.",
    "offer-declined": "This offer was declined already.",
    "patient-busy": "There is another visit at that time already. Move or cancel it first, then accept this offer.",
}
ENDED = {"expired": "offer-ended", "declined": "offer-declined"}


@router.get("/offers/{offer_id}", **page("read-offer"))
async def show_offer(visit: VisitDep, offer_id: OfferId) -> Response:
    """Show what is offered and until when it can be accepted."""
    found = await visit.read("waitlist", f"/offers/{offer_id}")
    over = found["state"] == "open" and datetime.fromisoformat(found["expires_at"]) <= visit.portal.clock.now()
    reason = "offer-ended" if over else ENDED.get(found["state"], "")
    if reason:
        return _gone(visit, reason, 200)
    names = Names(visit)
    (told,) = await names.visits([found])
    whose = await names.patient(found["patient_id"]) if found["patient_id"] != visit.session.person else ""
    return draw(visit, "offer.html", offer=told, patient_name=whose)


@router.post("/offers/{offer_id}/accept", **page("accept-offer", form=True))
async def accept_offer(visit: VisitDep, offer_id: OfferId) -> Response:
    """Accept it: the visit is booked, or somebody was faster and is told so kindly."""
    return await _answer(visit, offer_id, "accept")


@router.post("/offers/{offer_id}/decline", **page("decline-offer", form=True))
async def decline_offer(visit: VisitDep, offer_id: OfferId) -> Response:
    """Decline it and stay on the list."""
    return await _answer(visit, offer_id, "decline")


async def _answer(visit: Visit, offer_id: UUID, verb: str) -> Response:
    headers = {"idempotency-key": await visit.field("key", 60) or f"{verb}-{offer_id}"}
    try:
        answered = await visit.ask("POST", "waitlist", f"/offers/{offer_id}/{verb}", headers=headers)
    except Conflict as error:
        return _gone(visit, error.slug, 409)
    if verb == "accept":
        return go(visit.request, f"visits/{answered.body['appointment_id']}?told=offer-accepted")
    return go(visit.request, "waitlist?told=offer-declined")


def _gone(visit: Visit, reason: str, status: int) -> Response:
    return draw(visit, "offer_gone.html", status, told_of=GONE.get(reason, GONE["offer-gone"]), reason=reason)
