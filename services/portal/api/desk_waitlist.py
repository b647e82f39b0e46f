"""Who waits for an earlier visit at a facility: in order, with what they would take; priority is set here."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Path, Query, Response

from services.portal.api.drawing import draw, go
from services.portal.api.entrance import PageRoute, VisitDep, page
from services.portal.api.fields import PathId
from services.portal.api.names import Names
from services.portal.api.waiting import STANDINGS
from services.portal.api.wishing import WEEKDAYS, said_times

router = APIRouter(tags=["desk"], route_class=PageRoute)
PRIORITIES = {"routine": "Routine", "urgent": "Urgent", "asap": "As soon as possible"}
Cursor = Annotated[str, Query(pattern=r"^[A-Za-z0-9_-]{0,80}$")]


@router.get("/desk/{facility_id}/waitlist", **page("read-waitlist"))
async def show_waitlist(visit: VisitDep, facility_id: PathId, after: Cursor = "") -> Response:
    """Show who waits here, who is next first."""
    query = {"limit": "25", **({"after": after} if after else {})}
    listed = await visit.read("waitlist", f"/facilities/{facility_id}/requests", **query)
    names = Names(visit)
    told = [
        {
            **one,
            "patient_name": await names.patient(one["patient_id"]),
            "visit_name": await names.visit_type(one["visit_type"]),
            "clinician_names": [await names.clinician(id_) for id_ in one["clinicians"]],
            "times": said_times(one["windows"], visit.wording),
        }
        for one in listed["requests"]
    ]
    facility = await names.facility(facility_id)
    return draw(
        visit, "desk_waitlist.html", waiting=told, facility={**facility, "facility_id": facility_id}, after=after,
        next=listed["next"], standings=STANDINGS, weekdays=WEEKDAYS, priorities=PRIORITIES,
        zone=facility.get("timezone", "America/New_York"),
    )  # fmt: skip


@router.post("/desk/{facility_id}/waitlist/{request_id}/priority", **page("set-clinical-priority", form=True))
async def set_priority(visit: VisitDep, facility_id: PathId, request_id: Annotated[UUID, Path()]) -> Response:
    """Set the priority of the referral."""
    body = {"referral_priority": await visit.field("priority", 20)}
    await visit.ask("PUT", "waitlist", f"/requests/{request_id}/priority", body=body)
    return go(visit.request, f"desk/{facility_id}/waitlist?told=saved")
