"""Opening a record in an emergency (45 CFR 164.312(a)(2)(ii)): why, a fresh sign-in, a time box, an end.

The directory decides, keeps it, and tells whoever reviews it. Its token is fetched anew for each page and given to no
browser; a sign-in that is too old is asked for again, and what was typed is kept over it (``resuming``).
"""

import re
from typing import Annotated, Any

from fastapi import APIRouter, Path, Response

from services.kernel.errors import CareslotError, Invalid, NotFound
from services.kernel.middleware import EMERGENCY_HEADER
from services.portal.api.drawing import draw, go
from services.portal.api.entrance import PageRoute, Visit, VisitDep, page
from services.portal.api.fields import ID, Fields
from services.portal.api.names import Names

router = APIRouter(tags=["emergency"], route_class=PageRoute)
GrantId = Annotated[str, Path(pattern="^btg-[0-9a-f]{32}$")]
REASONS = {
    "emergency-treatment": "Emergency treatment",
    "unable-to-identify-self": "The patient cannot say who they are",
    "patient-safety": "Danger to the patient or others",
}
SHORTEST_NOTE = 10


@router.get("/emergency", **page("break-glass"))
async def emergency_form(visit: VisitDep) -> Response:
    """Ask whose record, and why."""
    return _form(visit, {}, {})


@router.post("/emergency", **page("break-glass", form=True))
async def open_record(visit: VisitDep) -> Response:
    """Open the record; every look under it is marked, and reviewed."""
    _, fields = visit.wording, Fields(await visit.form(), visit.wording)
    values = {name: fields.text(name, 120) for name in ("patient", "family_name", "birth_date", "reason", "note")}
    body: dict[str, Any] = {"reason": values["reason"], "note": values["note"]}
    if values["patient"]:
        if not re.fullmatch(ID, values["patient"]):
            fields.errors["patient"] = _("This is not a number of ours. It looks like pat-000123.")
        body["patient_id"] = values["patient"]
    else:
        body["family_name"] = fields.needed("family_name", _("Enter the number, or family name and date of birth."))
        body["birth_date"] = fields.needed_day("birth_date").isoformat()
    if values["reason"] not in REASONS:
        fields.errors["reason"] = _("Choose a reason.")
    if len(values["note"]) < SHORTEST_NOTE:
        fields.errors["note"] = _("Say in a few words what happened.")
    if fields.errors:
        return _form(visit, values, fields.errors, 422)
    try:
        opened = await visit.ask("POST", "directory", "/break-glass", body=body)
    except (NotFound, Invalid):
        told = {"family_name": _("Not exactly one patient is called so and born then. Enter the number.")}
        return _form(visit, values, told, 422)
    return go(visit.request, f"emergency/{opened.body['grant_id']}")


@router.get("/emergency/{grant_id}", **page("read-break-glass"))
async def show_record(visit: VisitDep, grant_id: GrantId) -> Response:
    """Show the record while the emergency access lasts."""
    grant = await visit.read("directory", f"/break-glass/{grant_id}")
    if not grant["token"]:
        return draw(visit, "emergency_over.html", 410)
    headers = {EMERGENCY_HEADER: grant["token"]}
    patient_id = grant["patient_id"]
    patient = (await visit.ask("GET", "directory", f"/patients/{patient_id}", headers=headers)).body
    query, visits = {"patient_id": patient_id, "limit": "50"}, None
    try:
        listed = (await visit.ask("GET", "booking", "/appointments", query=query, headers=headers)).body
        visits = await Names(visit).visits(listed["appointments"])
    except CareslotError as error:
        # The record is shown without visits when booking is out, or has not heard of the patient yet.
        if error.status not in {403, 503}:
            raise
    return draw(
        visit, "emergency_record.html", grant=grant, patient=patient, visits=visits, why=REASONS,
        zone=patient["timezone"],
    )  # fmt: skip


@router.post("/emergency/{grant_id}/end", **page("end-break-glass", form=True))
async def end_access(visit: VisitDep, grant_id: GrantId) -> Response:
    """End it before its time."""
    await visit.ask("POST", "directory", f"/break-glass/{grant_id}/end")
    return go(visit.request, "emergency?told=emergency-ended")


def _form(visit: Visit, values: dict[str, str], errors: dict[str, str], status: int = 200) -> Response:
    return draw(visit, "emergency.html", status, values=values, why=REASONS, errors=errors)
