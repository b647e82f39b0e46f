"""The page for people: one form, the nearest open times, and a way on to book. It works without scripts.

What somebody looks for stands in the address: nobody is known here, and a page that can be sent to somebody else or
kept by a cache is what a public finder is for. No cookie is set, no other site is asked for anything.
"""

from datetime import date
from itertools import groupby
from pathlib import Path
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from services.finder.api.dependencies import KEPT, FinderDep, base_url
from services.finder.api.wording import LANGUAGES, Wording
from services.finder.domain.publication import booking_link
from services.finder.usecases.finding import Found
from services.kernel.errors import Invalid, Unavailable
from services.kernel.http import GateDep, anyone, public

router = APIRouter(tags=["pages"])
FOLDER = Path(__file__).resolve().parent.parent
PAGES = Environment(
    loader=FileSystemLoader(FOLDER / "templates"), autoescape=True, undefined=StrictUndefined, trim_blocks=True,
    lstrip_blocks=True,
)  # fmt: skip
HEADERS = {
    "content-security-policy": (
        "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; "
        "frame-ancestors 'none'"
    ),
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
    "cross-origin-opener-policy": "same-origin",
    "vary": "accept-language",
}
_FILES = {file.name: file.read_bytes() for file in (FOLDER / "static").iterdir()}
_TYPES = {".css": "text/css; charset=utf-8", ".svg": "image/svg+xml"}


def _page() -> dict[str, Any]:
    arguments = anyone("find-open-times")
    page = {"description": "A page", "content": {"text/html": {"schema": {"type": "string"}}}}
    return {**arguments, "responses": {**arguments["responses"], 422: page, 503: page}, "response_class": HTMLResponse}


@router.get(
    "/", **public("leads to the page that is open to all"), status_code=307, response_class=RedirectResponse
)  # fmt: skip
async def start(request: Request, finder: FinderDep) -> Response:
    """Lead to the page, whatever the address before it ends in."""
    return RedirectResponse(f"{base_url(request, finder)}/find")


@router.get("/find", **_page())
async def find_page(
    request: Request,
    gate: GateDep,
    finder: FinderDep,
    zip_code: Annotated[str, Query(alias="zip")] = "",
    specialty: str = "",
    day: str = "",
    language: str = "",
) -> HTMLResponse:
    """Show the form, and what it finds."""
    wording = Wording.of(language, request.headers.get("accept-language", ""))
    errors: dict[str, str] = {}
    _, sought = wording, {"zip": zip_code.strip()[:10], "specialty": specialty[:60], "day": day[:10]}
    values: dict[str, Any] = {"_": wording, "wording": wording, "languages": LANGUAGES, "sought": sought, "found": None}
    values |= {"errors": errors, "kinds": [], "out": False, "link": _link(finder.portal_url)}
    try:
        kinds = await finder.find.specialties(gate)
        values["kinds"] = sorted((kind.specialty_name, code) for code, kind in kinds.items())
        if any(sought.values()):
            wanted = _read(sought, kinds.keys(), errors, wording)
            if not errors:
                values["found"] = _drawn(await finder.find.near(gate, sought["zip"], sought["specialty"], wanted))
    except Invalid:
        errors["zip"] = _("No place is known by this ZIP code.")
    except Unavailable:
        return _render({**values, "out": True}, 503, {"retry-after": "5", "cache-control": "no-store"})
    return _render(values, 422 if errors else 200, KEPT)


@router.get(
    "/static/{name}",
    **public("the style is the same for everyone"),
    response_class=Response,
    responses={422: {"description": "No such file"}},
)
async def read_asset(name: Literal["finder.css", "mark.svg"]) -> Response:
    """Return the style sheet or the picture."""
    return Response(
        _FILES[name], media_type=_TYPES[Path(name).suffix], headers={"cache-control": "public, max-age=3600"}
    )


def _read(sought: dict[str, str], known: Any, errors: dict[str, str], _: Wording) -> date | None:
    """Return the day that is looked for, None for any; say in ``errors`` what is to be mended."""
    zip_code = sought["zip"]
    if not (len(zip_code) == 5 and zip_code.isascii() and zip_code.isdecimal()):
        errors["zip"] = _("Enter five digits, such as 02108.")
    if sought["specialty"] not in known:
        errors["specialty"] = _("Choose a specialty.")
    if not sought["day"]:
        return None
    try:
        return date.fromisoformat(sought["day"])
    except ValueError:
        errors["day"] = _("Enter a day, such as 2027-01-31.")
        return None


def _drawn(found: Found) -> dict[str, Any]:
    """Return what was found, by facility and by its own days."""
    places = []
    for place in found.places:
        local = [(place.facility.local(time.starts_at), time) for time in place.times]
        days = [(day, list(of)) for day, of in groupby(local, key=lambda one: one[0].date())]
        places.append((place.facility, days))
    return {"visit_type": found.visit_type, "places": places, "silent": found.silent}


def _link(portal_url: str) -> Any:
    return lambda facility, time, day: booking_link(portal_url, facility.facility_id, time.visit_type, day.isoformat())


def _render(values: dict[str, Any], status: int, headers: dict[str, str]) -> HTMLResponse:
    return HTMLResponse(PAGES.get_template("find.html").render(values), status, headers={**HEADERS, **headers})
