"""Visits of one patient at one time, which joining two records left: whom to call, and what to move or cancel."""

from collections.abc import Mapping
from typing import Any

from fastapi import APIRouter, Response

from services.portal.api.drawing import draw
from services.portal.api.entrance import PageRoute, Visit, VisitDep, page
from services.portal.api.fields import PathId
from services.portal.api.names import Names

router = APIRouter(tags=["desk"], route_class=PageRoute)


@router.get("/desk/{facility_id}/double-bookings", **page("read-day"))
async def show_double_bookings(visit: VisitDep, facility_id: PathId) -> Response:
    """Show the pairs of which at least one visit is here."""
    found = (await visit.read("booking", f"/facilities/{facility_id}/double-bookings"))["double_bookings"]
    names = Names(visit)
    pairs = [
        {
            "patient_id": pair["patient_id"],
            "patient_name": await names.patient(pair["patient_id"]),
            "sides": [await _side(visit, names, pair[which]) for which in ("one", "other")],
        }
        for pair in found
    ]
    facility = {**(await names.facility(facility_id)), "facility_id": facility_id}
    return draw(visit, "double_bookings.html", pairs=pairs, facility=facility)


async def _side(visit: Visit, names: Names, side: Mapping[str, Any]) -> dict[str, Any]:
    session = visit.session
    return {
        **side,
        "facility": await names.facility(side["facility_id"]),
        "clinician_name": await names.clinician(side["clinician_id"]),
        "ours": session.everywhere or side["facility_id"] in session.facilities,
    }
