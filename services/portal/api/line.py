"""The line before searching and booking in a rush: a ticket in a cookie, a page with one's place, one's turn.

Only patients and those who act for them stand in it; a desk never sees it. A ticket belongs to a session, so there is
one place each, and loading the page again keeps it. The page knows numbers and nothing about anybody.
"""

import hashlib
import secrets
from dataclasses import replace
from datetime import datetime, timedelta

from fastapi import APIRouter, Request, Response
from fastapi.responses import HTMLResponse

from services.kernel.errors import CareslotError
from services.portal.api.drawing import draw, go
from services.portal.api.entrance import PageRoute, Portal, Visit, VisitDep, keep, page, portal_of
from services.portal.domain.line import REFRESH, Standing, Ticket
from services.portal.domain.session import CARED_FOR, DESK, Session

router = APIRouter(tags=["line"], route_class=PageRoute)
TICKET = "careslot_place"
INSIDE = timedelta(minutes=15)


class MustWait(CareslotError):
    """It is not their turn yet: the browser is led to the line."""

    status = 503
    title = "There is a line"
    slug = "in-line"


async def in_line(request: Request) -> None:
    """Let somebody on whose turn it is; raise MustWait for whoever is not. For routes after their entrance."""
    session: Session = request.state.session
    if not stands_in_line(session):
        return
    request.state.lined = True
    portal = portal_of(request)
    now = portal.clock.now()
    ticket = _ticket(request, portal, session)
    if ticket is not None:
        portal.line.heard(ticket, now)
    inside = ticket is not None and ticket.inside_until is not None and now < ticket.inside_until
    if not inside and not portal.line.open and _standing(request, portal, session, ticket, now) is not None:
        raise MustWait
    if not inside:
        _let_in(request, portal, ticket or _fresh(session, now), now)


def stands_in_line(session: Session) -> bool:
    """Tell whether somebody stands in line when there is one."""
    return session.may(CARED_FOR) and not session.may(DESK)


def turned_away(request: Request) -> Response:
    """Lead whoever a service just turned away to the line; whoever had their turn already keeps it and tries again."""
    portal, session = portal_of(request), request.state.session
    now = portal.clock.now()
    portal.line.turned_away(now)
    ticket = _ticket(request, portal, session)
    inside = ticket is not None and ticket.inside_until is not None and now < ticket.inside_until
    if not inside and _standing(request, portal, session, ticket, now) is not None:
        return go(request, "line")
    return _shown(Visit(request), Standing(0, REFRESH), "slots", 503)


@router.get("/line", **page("search-slots"))
async def wait(visit: VisitDep) -> Response:
    """Show somebody their place, or lead them in when it is their turn."""
    standing = _look(visit)
    if standing is None:
        return go(visit.request, "slots")
    return _shown(visit, standing, "line")


@router.get("/line/place", **page("search-slots"))
async def place(visit: VisitDep) -> Response:
    """Return the part of the page that changes; nothing (204) when it is their turn."""
    standing = _look(visit)
    if standing is None:
        return HTMLResponse(status_code=204)
    return draw(visit, "line_place.html", standing=standing)


def _shown(visit: Visit, standing: Standing, again: str, status: int = 200) -> Response:
    seconds = int(REFRESH.total_seconds())
    response = draw(visit, "line.html", status, standing=standing, seconds=seconds, again=again)
    response.headers["retry-after"] = str(seconds)
    return response


def _look(visit: Visit) -> Standing | None:
    if not stands_in_line(visit.session):
        return None
    ticket, now = _ticket(visit.request, visit.portal, visit.session), visit.portal.clock.now()
    if ticket is not None:
        visit.portal.line.heard(ticket, now)
        if ticket.inside_until is not None and now < ticket.inside_until:
            return None
    standing = _standing(visit.request, visit.portal, visit.session, ticket, now)
    if standing is None:
        _let_in(visit.request, visit.portal, ticket or _fresh(visit.session, now), now)
    return standing


def _standing(
    request: Request, portal: Portal, session: Session, ticket: Ticket | None, now: datetime
) -> Standing | None:
    if ticket is None or ticket.inside_until is not None:
        ticket = _fresh(session, now)
    standing = portal.line.stands(ticket, now)
    if standing is not None:
        _keep(request, portal, replace(ticket, told=now, front=portal.line.front))
    return standing


def _let_in(request: Request, portal: Portal, ticket: Ticket, now: datetime) -> None:
    portal.line.entered(now)
    _keep(request, portal, replace(ticket, inside_until=now + INSIDE))


def _fresh(session: Session, now: datetime) -> Ticket:
    return Ticket(secrets.token_urlsafe(9), _of(session), now, now)


def _of(session: Session) -> str:
    return hashlib.sha256(session.csrf.encode()).hexdigest()[:16]


def _keep(request: Request, portal: Portal, ticket: Ticket) -> None:
    told = (ticket.arrived, ticket.told, ticket.front, ticket.inside_until)
    times = [at and at.isoformat() for at in told]
    keep(request, TICKET, portal.sealer.seal("place", [ticket.number, ticket.session, *times]))


def _ticket(request: Request, portal: Portal, session: Session) -> Ticket | None:
    found = portal.sealer.open("place", request.cookies.get(TICKET, ""))
    if found is None or found[1] != _of(session):
        return None
    arrived, told, front, inside = (at and datetime.fromisoformat(at) for at in found[2:])
    return Ticket(found[0], found[1], arrived, told, front, inside)
