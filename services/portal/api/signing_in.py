"""Coming and going: sign in, sign out, choose a language, the first page."""

import re
import secrets
from typing import Any

from fastapi import APIRouter, Request, Response

from services.kernel.errors import Unauthenticated
from services.portal.api.disruptions import waiting_for
from services.portal.api.drawing import draw, go, render
from services.portal.api.entrance import (
    LANGUAGE,
    RENEWAL,
    SESSION,
    VISITOR,
    WISH,
    PageRoute,
    VisitDep,
    begin,
    keep,
    open_page,
    page,
    portal_of,
    wording_of,
)
from services.portal.api.names import Names

router = APIRouter(tags=["sessions"], route_class=PageRoute)
# Back to one of our own pages: plain words between slashes, no address of someone else's making.
_OURS = re.compile(r"^([A-Za-z0-9_-]+(/[A-Za-z0-9._-]+)*)?$")
YEAR = 365 * 24 * 3600


@router.get("/", **open_page("leads to the first page or to signing in"))
async def start(request: Request) -> Response:
    """Lead to where the person belongs."""
    session = portal_of(request).sealer.open_session(request.cookies.get(SESSION, ""))
    return go(request, "home" if session else "sign-in")


@router.get("/sign-in", **open_page("nobody has a session before signing in"))
async def sign_in_form(request: Request) -> Response:
    """Show the form."""
    return _form(request, 200)


@router.post("/sign-in", **open_page("nobody has a session before signing in", form=True))
async def sign_in(request: Request) -> Response:
    """Check name and password and begin a session."""
    form = await request.form()
    username, password = str(form.get("username", "")).strip()[:128], str(form.get("password", ""))[:256]
    _ = wording_of(request)
    if not username or not password:
        missing = {"username": _("Enter your user name.")} if not username else {}
        missing |= {"password": _("Enter your password.")} if not password else {}
        return _form(request, 422, errors=missing, username=username)
    try:
        signed_in = await portal_of(request).sign_in.sign_in(username, password)
    except Unauthenticated:
        return _form(request, 401, errors={"username": _("The user name or the password is wrong.")}, username=username)
    begin(request, signed_in, username)
    return go(request, "home")


@router.post("/sign-out", **page("read-catalogue", form=True))
async def sign_out(visit: VisitDep) -> Response:
    """End the session here: what the browser kept is taken away."""
    for name in (SESSION, RENEWAL, WISH):
        keep(visit.request, name, "")
    return go(visit.request, "sign-in?told=signed-out")


@router.post("/language", **open_page("the language may be chosen before signing in"))
async def choose_language(request: Request) -> Response:
    """Remember the language and go back. It changes nothing else, so it needs no synchroniser token."""
    form = await request.form()
    chosen, back = str(form.get("language", "")), str(form.get("back", ""))
    keep(request, LANGUAGE, "es" if chosen == "es" else "en", lasts=YEAR)
    return go(request, back if _OURS.match(back) and len(back) < 200 else "")


@router.get("/home", **page("read-own-appointments"))
async def home(visit: VisitDep) -> Response:
    """Show a patient's coming visits, or what staff can do."""
    if "patient" not in visit.session.roles or not visit.session.person:
        return draw(visit, "home_staff.html")
    now = visit.portal.clock.now().isoformat()
    query = {"patient_id": visit.session.person, "from": now}
    found = (await visit.ask("GET", "booking", "/appointments", query=query)).body["appointments"]
    coming = [a for a in found if a["status"] in {"pending", "booked", "checked-in"}]
    waiting = await waiting_for(visit, visit.session.person)
    return draw(visit, "home.html", visits=await Names(visit).visits(coming), waiting=waiting)


def _form(request: Request, status: int, **values: Any) -> Response:
    sealer = portal_of(request).sealer
    csrf = sealer.open("visitor", request.cookies.get(VISITOR, ""))
    if csrf is None:
        csrf = secrets.token_urlsafe(24)
        keep(request, VISITOR, sealer.seal("visitor", csrf))
    return render(request, "sign_in.html", status, csrf=csrf, **{"username": "", "errors": {}, **values})
