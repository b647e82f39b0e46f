"""One visit: see it, take it into a calendar, move it, cancel it; at the desk: check in, did not come."""

from typing import Annotated, Any

from fastapi import APIRouter, Form, Response

from services.kernel.errors import Conflict
from services.portal.api.calendars import calendar_of
from services.portal.api.drawing import REASONS, WAIVERS, draw, go
from services.portal.api.entrance import PageRoute, Visit, VisitDep, page
from services.portal.api.fields import AppointmentId
from services.portal.api.finding import lost
from services.portal.api.names import Names
from services.portal.domain.session import DESK
from services.portal.domain.wish import Wish

router = APIRouter(tags=["visits"], route_class=PageRoute)


@router.get("/visits/{appointment_id}", **page("read-appointment"))
async def show_visit(visit: VisitDep, appointment_id: AppointmentId) -> Response:
    """Show a visit and what can be done with it."""
    return await _show(visit, str(appointment_id), "visit.html")


@router.get("/visits/{appointment_id}/calendar.ics", **page("read-appointment"))
async def calendar(visit: VisitDep, appointment_id: AppointmentId) -> Response:
    """Return the visit for the person's own calendar."""
    found = await visit.read("booking", f"/appointments/{appointment_id}")
    facility = await Names(visit).facility(found["facility_id"])
    content = calendar_of(found, str(facility["name"]), visit.wording("Appointment"), visit.portal.clock.now())
    return Response(
        content, media_type="text/calendar", headers={"content-disposition": 'attachment; filename="appointment.ics"'}
    )


@router.get("/visits/{appointment_id}/cancel", **page("cancel-appointment"))
async def cancel_form(visit: VisitDep, appointment_id: AppointmentId) -> Response:
    """Ask why, before anything is cancelled."""
    return await _show(visit, str(appointment_id), "cancel.html")


@router.post("/visits/{appointment_id}/cancel", **page("cancel-appointment", form=True))
async def cancel(visit: VisitDep, appointment_id: AppointmentId) -> Response:
    """Cancel the visit."""
    reason = await visit.field("reason", 60)
    if reason not in REASONS:
        told = {"reason": visit.wording("Choose a reason.")}
        return await _show(visit, str(appointment_id), "cancel.html", 422, told)
    key, etag = await visit.field("key", 60), await visit.field("etag", 60)
    await visit.change(str(appointment_id), "cancel", key, etag, reason=reason)
    return go(visit.request, f"visits/{appointment_id}?told=cancelled")


@router.post("/visits/{appointment_id}/waive", **page("waive-late-cancel", form=True))
async def waive(visit: VisitDep, appointment_id: AppointmentId) -> Response:
    """Note that a late cancellation does not count, and why."""
    reason = await visit.field("reason", 60)
    if reason not in WAIVERS:
        return await _show(visit, str(appointment_id), "visit.html", 422, {"reason": visit.wording("Choose a reason.")})
    key, etag = await visit.field("key", 60), await visit.field("etag", 60)
    await visit.change(str(appointment_id), "waive-late-cancel", key, etag, reason=reason)
    return go(visit.request, f"visits/{appointment_id}?told=saved")


@router.post("/visits/{appointment_id}/move", **page("move-appointment", form=True))
async def begin_move(visit: VisitDep, appointment_id: AppointmentId) -> Response:
    """Look for another time of the same kind at the same place; the visit stands until then."""
    found = await visit.read("booking", f"/appointments/{appointment_id}")
    patient = "" if found["patient_id"] == visit.session.patient else found["patient_id"]
    visit.wishes(
        Wish(
            patient=patient, specialty=found["specialty"], visit_type=found["visit_type"],
            facility=found["facility_id"], moving=str(appointment_id), interpreter=found["interpreter"],
        )
    )  # fmt: skip
    return go(visit.request, "slots")


@router.post("/visits/{appointment_id}/move/confirm", **page("move-appointment", form=True))
async def move(visit: VisitDep, appointment_id: AppointmentId) -> Response:
    """Move the visit: the new time is taken and the old one freed, or nothing happens."""
    key, etag, offer = await visit.field("key", 60), await visit.field("etag", 60), await visit.field("offer")
    try:
        await visit.change(str(appointment_id), "move", key, etag, offer=offer)
    except Conflict as error:
        return await lost(visit, error)
    visit.wishes(Wish())
    return go(visit.request, f"visits/{appointment_id}?told=moved")


@router.post("/visits/{appointment_id}/check-in", **page("check-in", form=True))
async def check_in(visit: VisitDep, appointment_id: AppointmentId, day: Annotated[str, Form()] = "") -> Response:
    """Note that the patient is here."""
    return await _at_desk(visit, str(appointment_id), "check-in", day)


@router.post("/visits/{appointment_id}/no-show", **page("record-no-show", form=True))
async def no_show(visit: VisitDep, appointment_id: AppointmentId, day: Annotated[str, Form()] = "") -> Response:
    """Note that the patient did not come."""
    return await _at_desk(visit, str(appointment_id), "no-show", day)


async def _at_desk(visit: Visit, appointment_id: str, verb: str, day: str) -> Response:
    key, etag = await visit.field("key", 60), await visit.field("etag", 60)
    changed = await visit.change(appointment_id, verb, f"{key}-{verb}-{appointment_id}", etag)
    date = f"?date={day}" if len(day) == len("2027-01-31") and day.replace("-", "").isdecimal() else ""
    return go(visit.request, f"desk/{changed['facility_id']}{date}")


async def _show(
    visit: Visit, appointment_id: str, template: str, status: int = 200, errors: dict[str, str] | None = None
) -> Response:
    found = await visit.ask("GET", "booking", f"/appointments/{appointment_id}")
    if visit.session.may(DESK):
        (told,) = await Names(visit).with_patients([found.body])
    else:
        (told,) = await Names(visit).visits([found.body])
    outlook: dict[str, Any] = {"late": False, "reasons": []}
    if template == "cancel.html":
        # Told before it is done: whether it counts as late, and which reasons one may give.
        outlook = await visit.read("booking", f"/appointments/{appointment_id}/cancellation")
    allowed = {reason["code"] for reason in outlook["reasons"]}
    offered = {code: words for code, words in REASONS.items() if code in allowed}
    changeable = found.body["status"] == "booked"
    return draw(
        visit, template, status, visit=told, etag=found.etag, offered=offered, errors=errors or {},
        changeable=changeable, outlook=outlook,
    )  # fmt: skip
