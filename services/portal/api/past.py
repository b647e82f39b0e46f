"""What was: visits that took place, that were missed, that were cancelled; newest first, a page at a time."""

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Query, Response

from services.portal.api.drawing import draw, go
from services.portal.api.entrance import PageRoute, Visit, VisitDep, page
from services.portal.api.names import Names

router = APIRouter(tags=["past"], route_class=PageRoute)
SHOWN = 20
# Booking tells by start, oldest first, two hundred at once: this many are read at most.
MOST_READS = 10


@router.get("/past", **page("read-own-appointments"))
async def show_past(visit: VisitDep, number: Annotated[int, Query(alias="page", ge=1, le=200)] = 1) -> Response:
    """Show past and cancelled visits."""
    if not visit.session.patient:
        return go(visit.request, "people")
    now = visit.portal.clock.now()
    found = [one for one in await _all(visit) if _over(one, now)]
    found.sort(key=lambda one: str(one["starts_at"]), reverse=True)
    shown = found[(number - 1) * SHOWN : number * SHOWN]
    return draw(
        visit, "past.html", visits=await Names(visit).visits(shown), number=number, more=len(found) > number * SHOWN
    )  # fmt: skip


def _over(appointment: dict[str, Any], now: datetime) -> bool:
    cancelled = appointment["status"] == "cancelled"
    return cancelled or datetime.fromisoformat(appointment["ends_at"]) < now


async def _all(visit: Visit) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    query = {"patient_id": visit.session.patient, "limit": "200"}
    for _ in range(MOST_READS):
        listed = await visit.read("booking", "/appointments", **query)
        found += listed["appointments"]
        if not listed["next"]:
            break
        query["after"] = listed["next"]
    # A time that was only held and given back was never a visit.
    return [one for one in found if not str(one["reason"]).startswith("hold-") and one["status"] != "pending"]
