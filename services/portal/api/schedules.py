"""Clinicians' working time and leave, for those who plan: every change shows first whom it would touch."""

from datetime import date, timedelta
from typing import Any

from fastapi import APIRouter, Response

from services.kernel.errors import NotFound
from services.portal.api.absences import asked_days, asked_span, body_of, preview
from services.portal.api.desk import facilities_of
from services.portal.api.drawing import draw, go
from services.portal.api.entrance import PageRoute, Visit, VisitDep, page
from services.portal.api.fields import AppointmentId, Fields, PathId, local_day
from services.portal.api.names import Names
from services.portal.api.preview import booked
from services.portal.domain.touched import LOOK_AHEAD, WEEK, Sessions, live, outside

router = APIRouter(tags=["schedules"], route_class=PageRoute)
DAYS = {
    "mon": "Monday", "tue": "Tuesday", "wed": "Wednesday", "thu": "Thursday", "fri": "Friday", "sat": "Saturday",
    "sun": "Sunday",
}  # fmt: skip


@router.get("/schedules", **page("read-facility"))
async def choose_for_schedules(visit: VisitDep) -> Response:
    """Let a facility be chosen."""
    return draw(visit, "choose.html", facilities=await facilities_of(visit), to="schedules/at")


@router.get("/schedules/at/{facility_id}", **page("read-catalogue"))
async def clinicians(visit: VisitDep, facility_id: PathId) -> Response:
    """Show who works at a facility."""
    listed = await visit.read("directory", "/clinicians", facility=facility_id, limit="200")
    facility = await Names(visit).facility(facility_id)
    return draw(visit, "clinicians.html", clinicians=listed["clinicians"], facility=facility)


@router.get("/schedules/{clinician_id}", **page("read-schedule"))
async def show_schedule(visit: VisitDep, clinician_id: PathId) -> Response:
    """Show a clinician's weeks and leave."""
    return await _show(visit, clinician_id, {})


@router.get("/schedules/{clinician_id}/templates/{template_id}", **page("read-schedule"))
async def edit_template(visit: VisitDep, clinician_id: PathId, template_id: PathId) -> Response:
    """Show a template to be changed."""
    template = await _template(visit, clinician_id, template_id)
    return await _edit(visit, clinician_id, template, {})


@router.post("/schedules/{clinician_id}/templates/{template_id}/preview", **page("read-day", form=True))
async def preview_template(visit: VisitDep, clinician_id: PathId, template_id: PathId) -> Response:
    """Show which appointments of the coming weeks would lie outside working time."""
    before = await _template(visit, clinician_id, template_id)
    fields = Fields(await visit.form(), visit.wording)
    changed = _changed(fields, before)
    if fields.errors:
        return await _edit(visit, clinician_id, {**before, **changed}, fields.errors, 422)
    schedule = await visit.read("availability", f"/clinicians/{clinician_id}/schedule")
    kept = [template for template in schedule["templates"] if template["template_id"] != template_id]
    sessions = [Sessions.of(template) for template in (*kept, {**before, **changed})]
    first = local_day(visit.portal.clock.now())
    days = [first + timedelta(days=number) for number in range(LOOK_AHEAD)]
    touched = outside(live(await booked(visit, [before["facility_id"]], days), clinician_id), sessions)
    values = {**changed, "weekdays": " ".join(changed["weekdays"]), "etag": str(before["version"])}
    return draw(
        visit, "preview.html", touched=await Names(visit).visits(touched), back=f"schedules/{clinician_id}",
        what=visit.wording("Change working time of {name}", name=await Names(visit).clinician(clinician_id)),
        first=days[0], last=days[-1], fields={k: v or "" for k, v in values.items()},
        confirm=f"schedules/{clinician_id}/templates/{template_id}",
    )  # fmt: skip


@router.post("/schedules/{clinician_id}/templates/{template_id}", **page("manage-schedule", form=True))
async def change_template(visit: VisitDep, clinician_id: PathId, template_id: PathId) -> Response:
    """Change the template that was looked over, unless somebody else did meanwhile."""
    before = await _template(visit, clinician_id, template_id)
    fields = Fields(await visit.form(), visit.wording)
    after = {**before, **_changed(fields, before)}
    if fields.errors:
        return await _edit(visit, clinician_id, after, fields.errors, 422)
    body = {name: value for name, value in after.items() if name not in {"template_id", "version"}}
    path = f"/clinicians/{clinician_id}/templates/{template_id}"
    headers = {"if-match": f'"{fields.number("etag", 0, 99999)}"'}
    await visit.ask("PUT", "availability", path, body=body, headers=headers)
    return go(visit.request, f"schedules/{clinician_id}?told=saved")


@router.post("/schedules/{clinician_id}/leave/preview", **page("read-day", form=True))
async def preview_leave(visit: VisitDep, clinician_id: PathId) -> Response:
    """Show which appointments the leave would touch."""
    days, errors = await asked_days(visit)
    if errors:
        return await _show(visit, clinician_id, errors, 422)
    clinician = await visit.read("directory", f"/clinicians/{clinician_id}")
    touched = live(await booked(visit, clinician["facility_ids"], days), clinician_id)
    what, back = visit.wording("Leave of {name}", name=clinician["name"]), f"schedules/{clinician_id}"
    return await preview(visit, days, touched, what=what, back=back, confirm=f"{back}/leave")


@router.post("/schedules/{clinician_id}/leave", **page("manage-leave", form=True))
async def record_leave(visit: VisitDep, clinician_id: PathId) -> Response:
    """Record the leave that was looked over, and lead to what becomes of the visits it touches."""
    span, errors = await asked_span(visit)
    if errors:
        return await _show(visit, clinician_id, errors, 422)
    leave = await visit.ask("POST", "availability", f"/clinicians/{clinician_id}/leave", body=body_of(span))
    return go(visit.request, f"disruptions/{leave.body['leave_id']}?told=leave")


@router.post("/schedules/{clinician_id}/leave/{leave_id}/withdraw", **page("manage-leave", form=True))
async def withdraw_leave(visit: VisitDep, clinician_id: PathId, leave_id: AppointmentId) -> Response:
    """Take leave back."""
    await visit.ask("DELETE", "availability", f"/clinicians/{clinician_id}/leave/{leave_id}")
    return go(visit.request, f"schedules/{clinician_id}?told=withdrawn")


async def _show(visit: Visit, clinician_id: str, errors: dict[str, str], status: int = 200) -> Response:
    schedule = await visit.read("availability", f"/clinicians/{clinician_id}/schedule")
    names = Names(visit)
    templates = [
        {**template, "facility": await names.facility(template["facility_id"])} for template in schedule["templates"]
    ]
    zone = templates[0]["facility"].get("timezone", "America/New_York") if templates else "America/New_York"
    return draw(
        visit, "schedule.html", status, clinician_id=clinician_id, name=await names.clinician(clinician_id),
        templates=templates, leave=schedule["leave"], zone=zone, days=DAYS, errors=errors,
    )  # fmt: skip


async def _edit(
    visit: Visit, clinician_id: str, template: dict[str, Any], errors: dict[str, str], status: int = 200
) -> Response:
    names = Names(visit)
    return draw(
        visit, "template.html", status, clinician_id=clinician_id, template=template, days=DAYS, errors=errors,
        name=await names.clinician(clinician_id), facility=await names.facility(template["facility_id"]),
    )  # fmt: skip


async def _template(visit: Visit, clinician_id: str, template_id: str) -> dict[str, Any]:
    schedule = await visit.read("availability", f"/clinicians/{clinician_id}/schedule")
    for template in schedule["templates"]:
        if template["template_id"] == template_id:
            return dict(template)
    raise NotFound("There is no such template any more.")


def _changed(fields: Fields, before: dict[str, Any]) -> dict[str, Any]:
    """Return what the form changes of a template; weekdays come as boxes, or as words from the preview."""
    said = fields.text("weekdays").split()
    weekdays = [day for day in WEEK if day in said or fields.text(f"day_{day}")]
    if not weekdays:
        fields.errors["weekdays"] = fields.say("Choose at least one day.")
    until = fields.day("valid_until")
    valid_from = date.fromisoformat(before["valid_from"])
    if until and until < valid_from:
        fields.errors["valid_until"] = fields.say("This day lies before the first one.")
    return {
        "weekdays": weekdays,
        "starts": f"{fields.clock('starts'):%H:%M}",
        "ends": f"{fields.clock('ends'):%H:%M}",
        "valid_until": until.isoformat() if until else None,
        "grid_minutes": fields.number("grid_minutes", 5, 240),
    }
