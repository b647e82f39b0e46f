"""What went wrong, said kindly and as a page: what happened, what still works, what to do now."""

from collections.abc import Mapping

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from services.kernel.errors import CareslotError, Invalid, NotFound, Overloaded, Unauthenticated
from services.portal.api.drawing import PAGES, go, render
from services.portal.api.entrance import LANGUAGE, RENEWAL, SESSION, portal_of, set_cookies
from services.portal.api.line import MustWait, turned_away
from services.portal.api.resuming import keep_intent
from services.portal.api.signing_in import sign_in_page
from services.portal.api.wording import Wording
from services.portal.domain.session import Language

# RFC 9470: the token is good, but the sign-in behind it too long ago for what is asked.
REAUTHENTICATE = "insufficient-user-authentication"
WITHOUT = {
    "directory": "Names of facilities and patients cannot be read right now. Booked visits stand.",
    "availability": "Searching for times does not work right now. Booked visits stand, and can be seen and cancelled.",
    "booking": "Booking does not work right now. Booked visits stand. You can still search for times.",
    "waitlist": "The waitlist cannot be read right now. Whoever is on it stays on it. Booked visits stand.",
    "audit": "The audit trail cannot be read right now. What is done meanwhile is written down and arrives later.",
    "notifications": "Preferences cannot be read right now. Booked visits stand, and booking works.",
    "sign-in": "Signing in does not work right now. Booked visits stand.",
}
BUSY = "Too many people are here right now. Booked visits stand."
_LANGUAGES: tuple[Language, ...] = ("en", "es")
_BUSY_PAGES = {
    language: PAGES.get_template("busy.html").render(_=Wording(language), language=language).encode()
    for language in _LANGUAGES
}


def busy_page(headers: Mapping[bytes, bytes]) -> tuple[str, bytes]:
    """Return the page for a browser whose request was not begun: made beforehand, because there are many of them."""
    cookie, preferred = headers.get(b"cookie", b""), headers.get(b"accept-language", b"")[:2].lower()
    chosen = cookie.partition(f"{LANGUAGE}=".encode())[2][:2] or preferred
    return "text/html; charset=utf-8", _BUSY_PAGES["es" if chosen == b"es" else "en"]


def install(app: FastAPI) -> None:
    """Let ``app`` tell every failure as a page."""
    app.add_exception_handler(CareslotError, _family)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)


async def _family(request: Request, error: Exception) -> Response:
    assert isinstance(error, CareslotError)
    session = getattr(request.state, "session", None)
    if isinstance(error, Unauthenticated) and error.slug != "sign-in-refused":
        if error.slug == REAUTHENTICATE:
            # Whoever is signed in proves it once more; the form they sent waits as it would for an ended session.
            request.state.ended = session
            response = sign_in_page(
                request, "ended.html", 401, intent=await keep_intent(request), was_in=True, confirming=True
            )
            set_cookies(request, response)
            return response
        was_in = getattr(request.state, "ended", None) is not None
        response = sign_in_page(
            request, "ended.html", 401, intent=await keep_intent(request), was_in=was_in, confirming=False
        )
        set_cookies(request, response)
        for name in (SESSION, RENEWAL):
            response.delete_cookie(name, path="/", secure=portal_of(request).secure, httponly=True, samesite="lax")
        return response
    if isinstance(error, Overloaded | MustWait) and getattr(request.state, "lined", False):
        led = turned_away(request) if isinstance(error, Overloaded) else go(request, "line")
        set_cookies(request, led)
        return led
    service = str(error.extra.get("service", ""))
    status = 400 if error.status == 400 else error.status
    without = BUSY if isinstance(error, Overloaded) else WITHOUT.get(service, "")
    response = render(request, "failure.html", status, session=session, error=error, without=without)
    if error.retry_after is not None:
        response.headers["retry-after"] = str(error.retry_after)
    return response


async def _invalid(request: Request, _error: Exception) -> Response:
    return await _family(request, Invalid("Something in the address or form is not as it should be."))


async def _http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    if isinstance(error.__cause__, CareslotError):
        return await _family(request, error.__cause__)
    if error.status_code == NotFound.status:
        return await _family(request, NotFound("There is no such page."))
    response = await _family(request, Invalid("This cannot be done here."))
    response.status_code = error.status_code
    response.headers.update(dict(error.headers or {}))
    return response
