"""Coming and going: sign in with whatever steps the account needs, sign out, choose a language, the first page."""

import re
import secrets
from typing import Any

from fastapi import APIRouter, Request, Response

from services.kernel.errors import Invalid, Unauthenticated
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
from services.portal.api.resuming import go_on
from services.portal.domain.session import CARED_FOR
from services.portal.ports import Challenge, SignedIn

router = APIRouter(tags=["sessions"], route_class=PageRoute)
# Back to one of our own pages: plain words between slashes, no address of someone else's making.
_OURS = re.compile(r"^([A-Za-z0-9_-]+(/[A-Za-z0-9._-]+)*)?$")
YEAR = 365 * 24 * 3600
SEALED = 60_000


@router.get("/", **open_page("leads to the first page or to signing in"))
async def start(request: Request) -> Response:
    """Lead to where the person belongs."""
    session = portal_of(request).sealer.open_session(request.cookies.get(SESSION, ""))
    return go(request, "home" if session else "sign-in")


@router.get("/sign-in", **open_page("nobody has a session before signing in"))
async def sign_in_form(request: Request) -> Response:
    """Show the form."""
    return sign_in_page(request, "sign_in.html", 200)


@router.post("/sign-in", **open_page("nobody has a session before signing in", form=True))
async def sign_in(request: Request) -> Response:
    """Check name and password and begin a session, or ask for the next step."""
    form = await request.form()
    username, password = str(form.get("username", "")).strip()[:128], str(form.get("password", ""))[:256]
    intent = str(form.get("intent", ""))[:SEALED]
    _ = wording_of(request)
    errors: dict[str, str] = {}
    if not username:
        errors["username"] = _("Enter your user name.")
    if not password:
        errors["password"] = _("Enter your password.")
    if errors:
        return sign_in_page(request, "sign_in.html", 422, errors=errors, username=username, intent=intent)
    try:
        outcome = await portal_of(request).sign_in.sign_in(username, password)
    except Unauthenticated as refusal:
        told = _("The user name or the password is wrong.")
        if refusal.slug == "sign-in-challenge":
            told = _("This account needs a step that these pages do not know. Please call us.")
        return sign_in_page(
            request, "sign_in.html", 401, errors={"username": told}, username=username, intent=intent
        )  # fmt: skip
    return _next(request, outcome, username, intent)


@router.get("/sign-in/challenge", **open_page("nobody has a session before signing in"))
async def lost_challenge(request: Request) -> Response:
    """Lead back to the beginning: a step cannot be taken from an address."""
    return go(request, "sign-in")


@router.post("/sign-in/challenge", **open_page("nobody has a session before signing in", form=True))
async def answer_challenge(request: Request) -> Response:
    """Take the code or the new password that was asked for."""
    form, portal, _ = await request.form(), portal_of(request), wording_of(request)
    intent, sealed = str(form.get("intent", ""))[:SEALED], str(form.get("challenge", ""))[:SEALED]
    opened = portal.sealer.open("challenge", sealed)
    if opened is None:
        return go(request, "sign-in")
    *parts, username = opened
    challenge = Challenge(*parts)
    answer, again = (str(form.get(name, "")) for name in ("answer", "again"))
    new_password = challenge.step == "NEW_PASSWORD_REQUIRED"
    answer = answer[:256] if new_password else re.sub(r"\s", "", answer)[:16]
    if not answer:
        wrong = _("Enter a new password.") if new_password else _("Enter the code.")
        return _challenge(request, challenge, username, intent, 422, {"answer": wrong})
    if new_password and answer != again:
        return _challenge(request, challenge, username, intent, 422, {"again": _("The two are not the same.")})
    try:
        outcome = await portal.sign_in.answer(challenge, answer)
    except Invalid:
        wrong = _("This password is not taken: make it longer, with capital and small letters, digits and a sign.")
        return _challenge(request, challenge, username, intent, 422, {"answer": wrong})
    except Unauthenticated as refusal:
        if refusal.slug == "code-refused":
            told = {"answer": _("The code is wrong or too old. Enter the newest one.")}
            return _challenge(request, challenge, username, intent, 401, told)
        told = {"username": _("That took too long. Please sign in again.")}
        return sign_in_page(request, "sign_in.html", 401, errors=told, username=username, intent=intent)
    return _next(request, outcome, username, intent)


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
    if not visit.session.may(CARED_FOR):
        return draw(visit, "home_staff.html")
    if not visit.session.patient:
        return go(visit.request, "people")
    now = visit.portal.clock.now().isoformat()
    query = {"patient_id": visit.session.patient, "from": now}
    found = (await visit.ask("GET", "booking", "/appointments", query=query)).body["appointments"]
    coming = [a for a in found if a["status"] in {"pending", "booked", "checked-in"}]
    waiting = await waiting_for(visit, visit.session.person)
    return draw(visit, "home.html", visits=await Names(visit).visits(coming), waiting=waiting)


def sign_in_page(request: Request, template: str, status: int, **values: Any) -> Response:
    """Return a page with the form to sign in, and its token in a cookie of its own."""
    return render(request, template, status, csrf=_visitor(request), **{"username": "", "intent": "", **values})


def _next(request: Request, outcome: SignedIn | Challenge, username: str, intent: str) -> Response:
    if isinstance(outcome, Challenge):
        return _challenge(request, outcome, username, intent, 200, {})
    return go_on(request, begin(request, outcome, username), intent)


def _challenge(
    request: Request, challenge: Challenge, username: str, intent: str, status: int, errors: dict[str, str]
) -> Response:
    kept = [challenge.step, challenge.username, challenge.ticket, challenge.hint, username]
    sealed = portal_of(request).sealer.seal("challenge", kept)
    return render(
        request, "challenge.html", status, csrf=_visitor(request), challenge=challenge, sealed=sealed, intent=intent,
        errors=errors,
    )  # fmt: skip


def _visitor(request: Request) -> str:
    sealer = portal_of(request).sealer
    csrf = sealer.open("visitor", request.cookies.get(VISITOR, ""))
    if not isinstance(csrf, str):
        csrf = secrets.token_urlsafe(24)
        keep(request, VISITOR, sealer.seal("visitor", csrf))
    return csrf
