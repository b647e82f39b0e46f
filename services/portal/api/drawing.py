"""Turning what is known into a page. Addresses in pages are relative: the portal works behind any prefix.

The content security policy allows our own files and nothing else: no inline script or style, no other origin.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fastapi import Request
from fastapi.responses import HTMLResponse, RedirectResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from uuid_utils import uuid7

from services.portal.api.entrance import Visit, wording_of
from services.portal.domain.session import BREAK_GLASS, CARED_FOR, DESK, PATIENT_DESK, PLANNERS, Session

FOLDER = Path(__file__).resolve().parent.parent / "templates"
PAGES = Environment(
    loader=FileSystemLoader(FOLDER), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True,
)  # fmt: skip
HEADERS = {
    "content-security-policy": (
        "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
    "cross-origin-opener-policy": "same-origin",
}
# FHIR R4 appointment-cancellation-reason, in a person's words; the rest of its codes come from elsewhere.
REASONS = {
    "pat": "Plans changed",
    "pat-fb": "Feeling better",
    "pat-lt": "No way to get there",
    "pat-mv": "Moved away",
    "pat-uwo": "Goes to somebody else",
    "pat-dec": "Patient has died",
    "prov-pers": "Clinician not available",
    "prov-hosp": "Clinician is in hospital",
    "prov-edu": "Clinician at a meeting",
    "maint": "Equipment out of order",
    "oth-room": "Facility closed",
    "oth-weath": "Weather",
    "oth-int": "No interpreter",
    "oth-oerr": "Booked by mistake",
    "other": "Another reason",
}
WAIVERS = {
    "illness": "Illness",
    "bereavement": "Death in the family",
    "transportation": "No way to get there",
    "weather": "Weather",
    "our-mistake": "Our mistake",
    "other": "Another reason",
}
STATUSES = {
    "pending": "Held, not booked yet",
    "booked": "Booked",
    "checked-in": "Checked in",
    "fulfilled": "Visit took place",
    "cancelled": "Cancelled",
    "noshow": "Did not come",
}


def root_of(request: Request) -> str:
    """Return the way from this page's address up to the portal's own root, such as ``../``."""
    path: str = request.scope["path"]
    return "../" * (path.count("/") - 1)


def draw(visit: Visit, template: str, status: int = 200, /, **values: Any) -> HTMLResponse:
    """Return a page for someone signed in."""
    return render(visit.request, template, status, session=visit.session, **values)


def render(
    request: Request,
    template: str,
    status: int = 200,
    /,
    *,
    session: Session | None = None,
    csrf: str = "",
    **values: Any,
) -> HTMLResponse:
    """Return a page."""
    wording = wording_of(request)
    held = session.roles if session else frozenset()
    known: Mapping[str, Any] = {
        "_": wording, "wording": wording, "root": root_of(request), "session": session,
        "csrf": session.csrf if session else csrf, "key": str(uuid7()), "told": request.query_params.get("told", ""),
        "reasons": REASONS, "waivers": WAIVERS, "statuses": STATUSES, "errors": {}, "path": request.scope["path"],
        "here": request.scope["path"].lstrip("/"), "is_patient": bool(held & CARED_FOR),
        "is_desk": bool(held & DESK), "is_patient_desk": bool(held & PATIENT_DESK),
        "is_planner": bool(held & PLANNERS),
        "may_break_glass": bool(held & BREAK_GLASS), "is_auditor": "auditor" in held,
        "is_administrator": "facility-administrator" in held, "everywhere": session is not None and session.everywhere,
    }  # fmt: skip
    return HTMLResponse(PAGES.get_template(template).render({**known, **values}), status, headers=HEADERS)


def go(request: Request, path: str) -> RedirectResponse:
    """Send the browser on after a form (303, RFC 9110 15.4.4); ``path`` from the root, no PHI in it."""
    return RedirectResponse(root_of(request) + path or "./", 303, headers=HEADERS)
