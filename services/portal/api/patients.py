"""Patients at the desk: search by name and birth date (a POST: neither stands in an address), register, book for."""

import contextlib
import re
from typing import Any

from fastapi import APIRouter, Response

from services.kernel.errors import Forbidden, Invalid, Unavailable
from services.portal.api.desk import facilities_of
from services.portal.api.drawing import draw, go
from services.portal.api.entrance import PageRoute, Visit, VisitDep, page
from services.portal.api.fields import Fields, PathId, local_day
from services.portal.api.names import Names
from services.portal.api.searching import search
from services.portal.domain.wish import Wish

router = APIRouter(tags=["patients"], route_class=PageRoute)
PHONE = re.compile(r"\+1\d{10}")
EMAIL = re.compile(r"[^@\s]{1,64}@[^@\s]{1,180}\.[A-Za-z]{2,20}")


@router.get("/patients", **page("read-patient"))
async def search_form(visit: VisitDep) -> Response:
    """Show the search."""
    return draw(visit, "patients.html", found=None, sought={})


@router.post("/patients", **page("read-patient", form=True))
async def search_patients(visit: VisitDep) -> Response:
    """Show who is found; not a redirect, because the names must not be kept in an address."""
    asked = await search(visit)
    status = 422 if asked.errors else 200
    return draw(visit, "patients.html", status, found=asked.found, sought=asked.sought, errors=asked.errors)


@router.get("/patients/new", **page("register-patient"))
async def register_form(visit: VisitDep) -> Response:
    """Show the registration."""
    return await _register(visit, {}, {})


@router.post("/patients/new", **page("register-patient", form=True))
async def register_patient(visit: VisitDep) -> Response:
    """Register a patient; the form's key makes a second click the same patient."""
    _, fields = visit.wording, Fields(await visit.form(), visit.wording)
    body: dict[str, Any] = {
        "given_name": fields.needed("given_name", _("Enter the given name."), 120),
        "family_name": fields.needed("family_name", _("Enter the family name."), 120),
        "birth_date": fields.needed_day("birth_date").isoformat(),
        "email": fields.matching("email", EMAIL, _("Enter an address such as name@example.org.")),
        "phone": fields.matching("phone", PHONE, _("Enter +1 and ten digits, such as +16175550100.")),
        "language": "es" if fields.text("language") == "es" else "en",
        "facility_ids": [fields.needed("facility", _("Choose from the list."), 64)],
    }
    if fields.errors:
        return await _register(visit, {**body, "birth_date": fields.text("birth_date")}, fields.errors, 422)
    body["timezone"] = (await visit.read("directory", f"/facilities/{body['facility_ids'][0]}"))["timezone"]
    headers = {"idempotency-key": fields.text("key", 60)}
    try:
        made = await visit.ask("POST", "directory", "/patients", body=body, headers=headers)
    except Invalid as error:
        wrong = {fault.where.rpartition("/")[2].rpartition(".")[2]: fault.what for fault in error.errors}
        return await _register(visit, body, wrong or {"given_name": error.detail}, 422)
    return go(visit.request, f"patients/{made.body['patient_id']}?told=registered")


@router.get("/patients/{patient_id}", **page("read-patient"))
async def show_patient(visit: VisitDep, patient_id: PathId) -> Response:
    """Show a patient, their visits, and what can be done for them."""
    patient = await visit.read("directory", f"/patients/{patient_id}")
    now = visit.portal.clock.now().isoformat()
    query = {"patient_id": patient_id, "from": now}
    visits: list[dict[str, Any]] | None = None
    # Booking hears of a new patient a moment later and may not show anything before; the patient is no less there.
    with contextlib.suppress(Forbidden, Unavailable):
        listed = (await visit.ask("GET", "booking", "/appointments", query=query)).body["appointments"]
        visits = await Names(visit).visits([a for a in listed if a["status"] != "cancelled"])
    return draw(visit, "patient.html", patient=patient, visits=visits)


@router.post("/patients/{patient_id}/book", **page("search-slots", form=True))
async def book_for(visit: VisitDep, patient_id: PathId) -> Response:
    """Look for a time for this patient; as a walk-in today at their facility."""
    wish = Wish(patient=patient_id)
    facility = await visit.field("facility", 64)
    if facility:
        zone = (await visit.read("directory", f"/facilities/{facility}"))["timezone"]
        today = local_day(visit.portal.clock.now(), zone)
        wish = Wish(patient=patient_id, facility=facility, first_day=today, last_day=today)
    visit.wishes(wish)
    return go(visit.request, "find")


async def _register(visit: Visit, body: dict[str, Any], errors: dict[str, str], status: int = 200) -> Response:
    facilities = await facilities_of(visit)
    return draw(visit, "register.html", status, values=body, facilities=facilities, errors=errors)
