"""When cancelling counts as late at a facility: the rules an administrator sets, for all visits or for one kind."""

from typing import Any

from fastapi import APIRouter, Response

from services.portal.api.desk import facilities_of
from services.portal.api.drawing import draw, go
from services.portal.api.entrance import PageRoute, Visit, VisitDep, page
from services.portal.api.fields import CODE, Fields, PathId
from services.portal.api.names import Names

router = APIRouter(tags=["late-rules"], route_class=PageRoute)
# As booking says it.
EVERY = "every"
MOST_HOURS = 336


@router.get("/late-rules", **page("manage-late-cancel"))
async def choose_for_late_rules(visit: VisitDep) -> Response:
    """Let a facility be chosen."""
    if len(visit.session.facilities) == 1 and not visit.session.everywhere:
        return go(visit.request, f"late-rules/{visit.session.facilities[0]}")
    return draw(visit, "choose.html", facilities=await facilities_of(visit), to="late-rules")


@router.get("/late-rules/{facility_id}", **page("manage-late-cancel"))
async def show_late_rules(visit: VisitDep, facility_id: PathId) -> Response:
    """Show the rules of a facility, and those for every facility that count where it has none of its own."""
    return await _show(visit, facility_id, {}, {})


@router.post("/late-rules/{facility_id}", **page("manage-late-cancel", form=True))
async def set_late_rule(visit: VisitDep, facility_id: PathId) -> Response:
    """Set a rule in place of the one before."""
    fields = Fields(await visit.form(), visit.wording)
    kind = fields.matching("visit_type", CODE, visit.wording("Choose from the list.")) or EVERY
    hours = fields.number("hours", 0, MOST_HOURS)
    if fields.errors:
        typed = {"visit_type": kind, "hours": fields.text("hours", 10)}
        return await _show(visit, facility_id, typed, fields.errors, 422)
    body = {"facility_id": facility_id, "visit_type": kind, "hours": hours}
    await visit.ask("PUT", "booking", "/late-cancel-rules", body=body)
    return go(visit.request, f"late-rules/{facility_id}?told=saved")


@router.post("/late-rules/{facility_id}/remove", **page("manage-late-cancel", form=True))
async def remove_late_rule(visit: VisitDep, facility_id: PathId) -> Response:
    """Remove a rule: then the one for all visits here counts, or the one for every facility."""
    query = {"facility_id": facility_id, "visit_type": await visit.field("visit_type", 60)}
    await visit.ask("DELETE", "booking", "/late-cancel-rules", query=query)
    return go(visit.request, f"late-rules/{facility_id}?told=saved")


async def _show(
    visit: Visit, facility_id: str, typed: dict[str, Any], errors: dict[str, str], status: int = 200
) -> Response:
    told = await visit.read("booking", "/late-cancel-rules", facility_id=facility_id)
    kinds = (await visit.read("directory", "/visit-types"))["visit_types"]
    names = {kind["code"]: kind["name"] for kind in kinds}
    own = [rule for rule in told["rules"] if rule["facility_id"] == facility_id]
    general = [rule for rule in told["rules"] if rule["facility_id"] == EVERY]
    return draw(
        visit, "late_rules.html", status, own=own, general=general, otherwise=told["otherwise_hours"], names=names,
        facility=await Names(visit).facility(facility_id), facility_id=facility_id, typed=typed, errors=errors,
        every=EVERY,
    )  # fmt: skip
