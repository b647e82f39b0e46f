"""Acting for someone, and letting someone act for oneself (45 CFR 164.502(g)). The directory decides and remembers.

Nobody is searched for here: who wants to be let in tells their own number, so that names stay where they are.
"""

import re
from datetime import UTC, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Response

from services.kernel.errors import Forbidden, Invalid
from services.portal.api.drawing import draw, go
from services.portal.api.entrance import PageRoute, Visit, VisitDep, page
from services.portal.api.fields import ID, Fields, PathId

router = APIRouter(tags=["people"], route_class=PageRoute)
USUAL = timedelta(days=365)


@router.get("/people", **page("read-acting-for"))
async def show_people(visit: VisitDep) -> Response:
    """Show for whom one may act, and who may act for oneself."""
    return await _show(visit, {}, {})


@router.post("/people/act", **page("read-acting-for", form=True))
async def act_for(visit: VisitDep) -> Response:
    """Go on as acting for somebody, if the directory says that one may."""
    wanted = await visit.field("patient", 64)
    names = {one["patient_id"]: f"{one['given_name']} {one['family_name']}" for one in await _acts_for(visit)}
    if wanted not in names:
        raise Forbidden("You may not act for this person, or no longer.", slug="no-grant")
    visit.acts(wanted, names[wanted])
    return go(visit.request, "home")


@router.post("/people/self", **page("read-acting-for", form=True))
async def act_for_nobody(visit: VisitDep) -> Response:
    """Go back to one's own visits."""
    visit.acts("", "")
    return go(visit.request, "home")


@router.post("/people/grant", **page("manage-proxy", form=True))
async def grant(visit: VisitDep) -> Response:
    """Let somebody act for oneself until a day."""
    _, fields = visit.wording, Fields(await visit.form(), visit.wording)
    person = fields.needed("person", _("Enter the number the other person told you."), 64)
    if person and not re.fullmatch(ID, person):
        fields.errors["person"] = _("This is not a number of ours. It looks like pat-000123.")
    until = fields.needed_day("until")
    values = {"person": person, "until": fields.text("until")}
    if fields.errors:
        return await _show(visit, values, fields.errors, 422)
    patient = await visit.read("directory", f"/patients/{_own(visit)}")
    # The whole of the last day, where the patient lives.
    ends = datetime.combine(until + timedelta(days=1), time(), ZoneInfo(patient["timezone"])).astimezone(UTC)
    try:
        path = f"/patients/{_own(visit)}/proxies/{person}"
        await visit.ask("PUT", "directory", path, body={"expires_at": ends.isoformat()})
    except Invalid as error:
        wrong = {fault.where.rpartition("/")[2].rpartition(".")[2] for fault in error.errors}
        if "expires_at" in wrong:
            told = {"until": _("Choose a day from tomorrow on, at most a year ahead.")}
        else:
            told = {"person": _("There is nobody with this number, or it is your own.")}
        return await _show(visit, values, told, 422)
    return go(visit.request, "people?told=granted")


@router.post("/people/{person}/withdraw", **page("manage-proxy", form=True))
async def withdraw_grant(visit: VisitDep, person: PathId) -> Response:
    """Let somebody act for oneself no longer."""
    await visit.ask("DELETE", "directory", f"/patients/{_own(visit)}/proxies/{person}")
    return go(visit.request, "people?told=grant-withdrawn")


def _own(visit: Visit) -> str:
    """Return the number of whoever signed in; what is granted is always one's own."""
    if not visit.session.person:
        raise Forbidden("This account belongs to no person.", slug="no-person")
    return visit.session.person


async def _acts_for(visit: Visit) -> list[dict[str, Any]]:
    if "proxy" not in visit.session.roles:
        return []
    listed: list[dict[str, Any]] = (await visit.read("directory", "/acting-for"))["acting_for"]
    return listed


async def _show(visit: Visit, values: dict[str, str], errors: dict[str, str], status: int = 200) -> Response:
    acts_for = [{**one, "name": f"{one['given_name']} {one['family_name']}"} for one in await _acts_for(visit)]
    now = visit.portal.clock.now()
    zone = "America/New_York"
    given: list[dict[str, Any]] = []
    if "patient" in visit.session.roles:
        zone = (await visit.read("directory", f"/patients/{_own(visit)}"))["timezone"]
        kept = (await visit.read("directory", f"/patients/{_own(visit)}/proxies"))["proxies"]
        given = [one for one in kept if one["active"] and datetime.fromisoformat(one["expires_at"]) > now]
    return draw(
        visit, "people.html", status, acts_for=acts_for, given=given, zone=zone, values=values, errors=errors,
        own=_own(visit), first=now.date() + timedelta(days=1), last=(now + USUAL).date(),
        may_grant="patient" in visit.session.roles, may_act="proxy" in visit.session.roles,
    )  # fmt: skip
