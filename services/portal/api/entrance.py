"""Who may see a page: whoever has a session. What may be seen and done, each service behind decides by itself.

The portal holds no data, so it opens no gate: it names the action of the service it calls with the user's own token,
and that service asks its gate, refuses and audits. Forms carry the session's synchroniser token (OWASP CSRF cheat
sheet) and must come from our own pages (Sec-Fetch-Site, W3C Fetch Metadata).
"""

import asyncio
import hmac
import secrets
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from dataclasses import dataclass, field, replace
from typing import Annotated, Any

from fastapi import Depends, Request, Response
from fastapi.responses import HTMLResponse
from fastapi.routing import APIRoute
from starlette.datastructures import FormData

from services.kernel.actor import Actor
from services.kernel.clock import Clock
from services.kernel.errors import CareslotError, Forbidden, Unauthenticated, Unavailable
from services.kernel.http import Edge, public
from services.kernel.telemetry import logger
from services.portal.api.cookies import LARGEST, Sealer
from services.portal.api.wording import Wording
from services.portal.domain.line import Line
from services.portal.domain.session import OLDEST, Language, Session
from services.portal.domain.wish import Wish
from services.portal.ports import Neighbours, Reply, SignedIn, SignIn

SESSION, RENEWAL, WISH, LANGUAGE, VISITOR = (
    "careslot_session", "careslot_renewal", "careslot_wish", "careslot_language", "careslot_visitor"
)  # fmt: skip
_SESSION_COOKIE = f"{SESSION}=".encode()
_HTML = {"description": "A page", "content": {"text/html": {"schema": {"type": "string"}}}}
_FIELDS = {
    "requestBody": {
        "content": {"application/x-www-form-urlencoded": {"schema": {"type": "object", "additionalProperties": True}}}
    }
}


@dataclass(frozen=True, slots=True)
class Portal:
    """What pages work with; put on ``app.state.portal`` when the portal starts."""

    neighbours: Neighbours
    sign_in: SignIn
    sealer: Sealer
    clock: Clock
    secure: bool
    line: Line = field(default_factory=Line)


class CookieTooLarge(CareslotError):
    """The account's role assignment names so many facilities that its token fits no cookie."""

    title = "This account cannot use the portal"
    slug = "token-too-large"


def portal_of(request: Request) -> Portal:
    """Return the parts of the running portal."""
    parts: Portal = request.app.state.portal
    return parts


def page(
    action: str, *, form: bool = False, after: Callable[[Request], Awaitable[None]] | None = None
) -> dict[str, Any]:
    """Return the arguments of a page's route: ``action`` is what it asks of the services behind, whose gates decide.

    The portal opens none itself, and says so: its document names what it delegates, not an action it guards. ``after``
    is asked once it is known who comes, before their form is read.
    """
    extra: dict[str, Any] = {"x-careslot-delegates": action, "security": [{"session": []}]}
    return {
        "dependencies": [Depends(step) for step in (_entrance(action), after, _ours if form else None) if step],
        "openapi_extra": {**extra, **(_FIELDS if form else {})},
        **_answers(),
    }


def open_page(reason: str, *, form: bool = False) -> dict[str, Any]:
    """Return the arguments of a page that is shown without a session."""
    said = public(reason)["openapi_extra"]
    return {
        "dependencies": [Depends(_ours)] if form else [],
        "openapi_extra": {**said, **(_FIELDS if form else {})},
        **_answers(),
    }


def _answers() -> dict[str, Any]:
    statuses = (400, 401, 403, 404, 409, 412, 413, 422, 428, 500, 503)
    responses: dict[int | str, dict[str, Any]] = dict.fromkeys(statuses, _HTML)
    responses[303] = {"description": "Go on there"}
    return {"responses": responses, "response_class": HTMLResponse, "response_model": None}


def _entrance(action: str) -> Callable[[Request], Awaitable[None]]:
    async def enter(request: Request) -> None:
        portal, now = portal_of(request), portal_of(request).clock.now()
        session = portal.sealer.open_session(request.cookies.get(SESSION, ""))
        renewal = portal.sealer.open("renewal", request.cookies.get(RENEWAL, ""))
        if session is not None and renewal and session.wants_renewal(now):
            session = await _renewed(portal, session, renewal)
        if session is None or session.ended(now):
            request.state.ended = session
            raise Unauthenticated("Your session has ended.", slug="session-missing" if session is None else "idle")
        request.state.action = action
        request.state.session = session
        sealed = portal.sealer.seal_session(session.seen(now))
        keep(request, SESSION, sealed)
        edge: Edge | None = getattr(request.app.state, "edge", None)
        if edge is not None and edge.door is not None:
            # Sealed anew with every answer, so that the next request is known by what this one's answer brings.
            actor = Actor(session.username, session.roles, session.person)
            for cookie in (request.cookies.get(SESSION, ""), sealed):
                edge.door.remember(hash(cookie.encode()), actor)

    return enter


async def _renewed(portal: Portal, session: Session, renewal: str) -> Session:
    try:
        fresh = await portal.sign_in.renew(renewal)
    except (Unauthenticated, Unavailable):
        # The token still lasts a little while; after that the session has ended.
        return session
    now = session_of(portal, fresh, session.username)
    now = now.acts(session.acting_for, session.acting_name)
    return replace(now, csrf=session.csrf, started_at=session.started_at, seen_at=session.seen_at)


def session_of(portal: Portal, signed_in: SignedIn, username: str) -> Session:
    """Return a new session for who signed in, with a synchroniser token of its own (no fixation)."""
    now, actor = portal.clock.now(), signed_in.actor
    return Session(
        token=signed_in.token, csrf=secrets.token_urlsafe(24), started_at=now, seen_at=now,
        token_ends_at=signed_in.ends_at, username=username, roles=actor.roles, person=actor.person,
        facilities=tuple(sorted(actor.facilities)),
    )  # fmt: skip


async def _ours(request: Request) -> None:
    """Refuse a form that does not come from a page we gave this very browser session."""
    session: Session | None = getattr(request.state, "session", None)
    wanted = session.csrf if session else portal_of(request).sealer.open("visitor", request.cookies.get(VISITOR, ""))
    told = str((await request.form()).get("csrf", ""))
    from_elsewhere = request.headers.get("sec-fetch-site", "same-origin") not in {"same-origin", "none"}
    if from_elsewhere or not wanted or not hmac.compare_digest(told.encode(), str(wanted).encode()):
        raise Forbidden("This form is out of date. Go back, load the page again and send it once more.", slug="csrf")


def keep(request: Request, name: str, value: str, *, lasts: int | None = None) -> None:
    """Give the browser a cookie with the answer, whatever the answer will be; "" takes it away."""
    if len(name) + len(value) > LARGEST:
        raise CookieTooLarge("Your role names too many facilities one by one; ask for one that covers all.")
    request.state.cookies = {**getattr(request.state, "cookies", {}), name: (value, lasts)}


def set_cookies(request: Request, response: Response) -> None:
    """Put what was kept into the answer."""
    secure = portal_of(request).secure
    for name, (value, lasts) in getattr(request.state, "cookies", {}).items():
        if value:
            response.set_cookie(name, value, max_age=lasts, path="/", secure=secure, httponly=True, samesite="lax")
        else:
            response.delete_cookie(name, path="/", secure=secure, httponly=True, samesite="lax")


class PageRoute(APIRoute):
    """A route that answers in pages: its cookies travel with every outcome, and no fault becomes JSON."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Wrap the route's handler."""
        handle = super().get_route_handler()

        async def handled(request: Request) -> Response:
            try:
                response = await handle(request)
            except (CareslotError, asyncio.CancelledError):
                raise
            except Exception as error:
                if type(error).__name__ in {"RequestValidationError", "HTTPException"}:
                    raise
                logger().error("page failed", route=self.path, exc_info=error)
                raise CareslotError("Please try again.") from error
            set_cookies(request, response)
            return response

        return handled


class Visit:
    """One request of one person: their session, words, wish, form, and the services with their token."""

    def __init__(self, request: Request) -> None:
        self.request = request
        self.portal = portal_of(request)
        self.session: Session = request.state.session
        self.wording = wording_of(request)

    @property
    def wish(self) -> Wish:
        """What they are looking for."""
        return self.portal.sealer.open_wish(self.request.cookies.get(WISH, ""))

    def wishes(self, wish: Wish) -> None:
        """Remember what they are looking for."""
        keep(self.request, WISH, self.portal.sealer.seal_wish(wish))

    def acts(self, patient_id: str, name: str) -> None:
        """Go on as acting for a patient, or with "" for nobody; what was looked for belongs to whom it was for."""
        self.session = self.session.acts(patient_id, name)
        self.request.state.session = self.session
        keep(self.request, SESSION, self.portal.sealer.seal_session(self.session))
        keep(self.request, WISH, "")

    async def form(self) -> FormData:
        """Return the fields they sent."""
        return await self.request.form()

    async def field(self, name: str, most: int = 8192) -> str:
        """Return one field's text, trimmed."""
        return str((await self.request.form()).get(name, "")).strip()[:most]

    async def ask(
        self,
        method: str,
        service: str,
        path: str,
        *,
        query: dict[str, str] | None = None,
        body: dict[str, Any] | None = None,
        headers: dict[str, str] | None = None,
    ) -> Reply:
        """Ask a service with their token."""
        return await self.portal.neighbours.ask(
            self.session.token, method, service, path, query=query, body=body, headers=headers
        )

    async def read(self, service: str, path: str, **query: str) -> dict[str, Any]:
        """Read something with their token."""
        return dict((await self.ask("GET", service, path, query=query or None)).body)

    async def change(self, appointment_id: str, verb: str, key: str, etag: str, **body: str) -> dict[str, Any]:
        """Do ``verb`` to an appointment as it was when its page was drawn; ``key`` makes a repeated click harmless."""
        path, headers = f"/appointments/{appointment_id}/{verb}", {"idempotency-key": key, "if-match": etag}
        return dict((await self.ask("POST", "booking", path, body=body or None, headers=headers)).body)


def session_credential(headers: Mapping[bytes, bytes]) -> int:
    """Return a keyed hash of the session's cookie: by it the doorkeeper knows who comes, without opening it."""
    _, _, rest = headers.get(b"cookie", b"").partition(_SESSION_COOKIE)
    return hash(rest.partition(b";")[0])


async def _visit(request: Request) -> Visit:
    return Visit(request)


VisitDep = Annotated[Visit, Depends(_visit)]


def wording_of(request: Request) -> Wording:
    """Return the words in the chosen language, else the one the browser prefers."""
    chosen = request.cookies.get(LANGUAGE, "")
    if chosen not in {"en", "es"}:
        chosen = request.headers.get("accept-language", "")[:2].lower()
    language: Language = "es" if chosen == "es" else "en"
    return Wording(language)


def begin(request: Request, signed_in: SignedIn, username: str) -> Session:
    """Give the browser a new session."""
    portal = portal_of(request)
    session = session_of(portal, signed_in, username)
    keep(request, SESSION, portal.sealer.seal_session(session))
    renewal = portal.sealer.seal("renewal", signed_in.renewal) if signed_in.renewal else ""
    # One that fits no cookie is left out: the session then lasts as long as its first token.
    keep(request, RENEWAL, renewal if len(renewal) < LARGEST - 50 else "", lasts=int(OLDEST.total_seconds()))
    keep(request, WISH, "")
    return session
