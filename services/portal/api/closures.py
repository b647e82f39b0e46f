"""Closures of a facility: who would be touched is shown before anything is closed."""

from fastapi import APIRouter, Response

from services.portal.api.absences import asked_days, asked_span, body_of, preview
from services.portal.api.desk import facilities_of
from services.portal.api.drawing import draw, go
from services.portal.api.entrance import PageRoute, Visit, VisitDep, page
from services.portal.api.fields import AppointmentId, PathId
from services.portal.api.names import Names
from services.portal.api.preview import booked
from services.portal.domain.touched import live

router = APIRouter(tags=["closures"], route_class=PageRoute)


@router.get("/closures", **page("manage-closure"))
async def choose_for_closures(visit: VisitDep) -> Response:
    """Let a facility be chosen."""
    return draw(visit, "choose.html", facilities=await facilities_of(visit), to="closures")


@router.get("/closures/{facility_id}", **page("manage-closure"))
async def show_closures(visit: VisitDep, facility_id: PathId) -> Response:
    """Show coming closures."""
    return await _show(visit, facility_id, {})


@router.post("/closures/{facility_id}/preview", **page("read-day", form=True))
async def preview_closure(visit: VisitDep, facility_id: PathId) -> Response:
    """Show which appointments the closure would touch."""
    days, errors = await asked_days(visit)
    if errors:
        return await _show(visit, facility_id, errors, 422)
    touched = live(await booked(visit, [facility_id], days))
    facility = await Names(visit).facility(facility_id)
    what, here = visit.wording("Close {name}", name=facility["name"]), f"closures/{facility_id}"
    return await preview(visit, days, touched, what=what, back=here, confirm=here)


@router.post("/closures/{facility_id}", **page("manage-closure", form=True))
async def close(visit: VisitDep, facility_id: PathId) -> Response:
    """Record the closure, and lead to what becomes of the visits it touches."""
    span, errors = await asked_span(visit)
    if errors:
        return await _show(visit, facility_id, errors, 422)
    closed = await visit.ask("POST", "availability", f"/facilities/{facility_id}/closures", body=body_of(span))
    return go(visit.request, f"disruptions/{closed.body['closure_id']}?told=closed")


@router.post("/closures/{facility_id}/{closure_id}/withdraw", **page("manage-closure", form=True))
async def withdraw_closure(visit: VisitDep, facility_id: PathId, closure_id: AppointmentId) -> Response:
    """Open again."""
    await visit.ask("DELETE", "availability", f"/facilities/{facility_id}/closures/{closure_id}")
    return go(visit.request, f"closures/{facility_id}?told=withdrawn")


async def _show(visit: Visit, facility_id: str, errors: dict[str, str], status: int = 200) -> Response:
    listed = await visit.read("availability", f"/facilities/{facility_id}/closures")
    facility = await Names(visit).facility(facility_id)
    return draw(
        visit, "closures.html", status, closures=listed["closures"], facility=facility, errors=errors,
        facility_id=facility_id, zone=facility.get("timezone", "America/New_York"),
    )  # fmt: skip
