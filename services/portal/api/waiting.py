"""Waiting for an earlier visit: say what would do, see what one waits for, stop waiting."""

from datetime import timedelta
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Path, Response

from services.kernel.errors import Conflict, Invalid
from services.portal.api.desk import FEW
from services.portal.api.drawing import draw, go
from services.portal.api.entrance import PageRoute, Visit, VisitDep, page
from services.portal.api.fields import AppointmentId, local_day
from services.portal.api.names import Names
from services.portal.api.wishing import DISTANCES, NOTICE, PARTS, WEEKDAYS, Waiting, read_waiting, said_times
from services.portal.domain.session import PATIENT_DESK
from services.portal.domain.wish import Wish

router = APIRouter(tags=["waiting"], route_class=PageRoute)
LIVE = frozenset({"waiting", "offered"})
STANDINGS = {
    "waiting": "Waiting",
    "offered": "An offer is out",
    "accepted": "An offer was accepted",
    "withdrawn": "Taken off the list",
    "expired": "The last day has passed",
}
# What waitlist finds wrong, and the field that mends it.
WRONG = {
    "facility-unknown": ("facilities", "Choose from the list."),
    "zip-code-unknown": ("zip_code", "No place is known by this ZIP code."),
    "no-facility-near": ("within_miles", "There is no facility that near. Choose a longer distance."),
}


@router.get("/waitlist", **page("read-waitlist"))
async def show_requests(visit: VisitDep) -> Response:
    """Show what is waited for, and what became of it."""
    if not visit.session.patient:
        return go(visit.request, "people")
    listed = (await visit.read("waitlist", "/requests", patient_id=visit.session.patient))["requests"]
    told = [await _named(visit, one) for one in listed]
    return draw(
        visit, "waitlist.html", live=[one for one in told if one["status"] in LIVE], standings=STANDINGS,
        ended=[one for one in told if one["status"] not in LIVE], weekdays=WEEKDAYS,
        consent=all(one["consent"] for one in listed),
    )  # fmt: skip


@router.get("/waitlist/new", **page("join-waitlist"))
async def join_form(visit: VisitDep) -> Response:
    """Show the wishes, filled in with what was looked for."""
    return await _form(visit, Waiting.of(visit.wish), {})


@router.post("/waitlist/new", **page("join-waitlist", form=True))
async def join(visit: VisitDep) -> Response:
    """Put the patient on the list."""
    _, wish = visit.wording, visit.wish
    waiting, errors = read_waiting(await visit.form(), _, wish)
    if errors:
        return await _form(visit, waiting, errors, 422)
    kinds = (await visit.read("directory", "/visit-types"))["visit_types"]
    specialty = next((kind["specialty"] for kind in kinds if kind["code"] == waiting.visit_type), "")
    patient = wish.patient or visit.session.patient
    if not (specialty and patient):
        raise Invalid("Choose for whom to book first: search the patient.")
    body = waiting.body(patient, specialty)
    headers = {"idempotency-key": await visit.field("key", 60)}
    try:
        await visit.ask("POST", "waitlist", "/requests", body=body, headers=headers)
    except Invalid as error:
        field, told = WRONG.get(error.slug, ("visit_type", "Something is not right"))
        return await _form(visit, waiting, {field: _(told)}, 422)
    except Conflict:
        told = _("This kind of visit is waited for already. Take the earlier request off the list first.")
        return await _form(visit, waiting, {"visit_type": told}, 409)
    visit.wishes(Wish())
    return go(visit.request, f"patients/{wish.patient}?told=joined" if wish.patient else "waitlist?told=joined")


@router.post("/visits/{appointment_id}/earlier", **page("join-waitlist", form=True))
async def wait_for_earlier(visit: VisitDep, appointment_id: AppointmentId) -> Response:
    """Wait for an earlier time of a visit that is booked; it stands until an offer is accepted."""
    found = await visit.read("booking", f"/appointments/{appointment_id}")
    zone = found["timezone"]
    patient = "" if found["patient_id"] == visit.session.patient else found["patient_id"]
    starts = visit.wording.local(found["starts_at"], zone).date()
    today = local_day(visit.portal.clock.now(), zone)
    visit.wishes(
        Wish(
            patient=patient, specialty=found["specialty"], visit_type=found["visit_type"],
            facility=found["facility_id"], clinician=found["clinician_id"],
            last_day=max(starts - timedelta(days=1), today), interpreter=found["interpreter"],
        )
    )  # fmt: skip
    return go(visit.request, "waitlist/new")


@router.post("/waitlist/{request_id}/withdraw", **page("withdraw-request", form=True))
async def withdraw_request(visit: VisitDep, request_id: Annotated[UUID, Path()]) -> Response:
    """Stop waiting."""
    try:
        gone = await visit.ask("POST", "waitlist", f"/requests/{request_id}/withdraw")
    except Conflict:
        return go(visit.request, "waitlist?told=already-accepted")
    # Staff come back to the list they came from.
    facility = await visit.field("facility", 64)
    if visit.session.may(PATIENT_DESK) and facility in gone.body["facilities"]:
        return go(visit.request, f"desk/{facility}/waitlist?told=left")
    return go(visit.request, "waitlist?told=left")


async def _named(visit: Visit, request: dict[str, Any]) -> dict[str, Any]:
    names = Names(visit)
    facilities = [(await names.facility(one))["name"] for one in request["facilities"][:3]]
    clinicians = [await names.clinician(one) for one in request["clinicians"]]
    kind = await names.visit_type(request["visit_type"])
    more = len(request["facilities"]) - len(facilities)
    return {
        **request, "visit_name": kind, "facility_names": facilities, "more": more, "clinician_names": clinicians,
        "times": said_times(request["windows"], visit.wording),
    }  # fmt: skip


async def _form(visit: Visit, waiting: Waiting, errors: dict[str, str], status: int = 200) -> Response:
    names, wish = Names(visit), visit.wish
    patient = wish.patient or visit.session.patient
    kinds = [kind for kind in (await visit.read("directory", "/visit-types"))["visit_types"] if kind["active"]]
    registered = (await visit.read("directory", f"/patients/{patient}"))["facility_ids"] if patient else []
    near = dict.fromkeys([*([wish.facility] if wish.facility else []), *registered, *waiting.facilities])
    facilities = [(one, (await names.facility(one))["name"]) for one in list(near)[:FEW]]
    clinician = await names.clinician(wish.clinician) if wish.clinician else ""
    name = await names.patient(wish.patient) if wish.patient else ""
    return draw(
        visit, "waitlist_join.html", status, waiting=waiting.with_usual(kinds), kinds=kinds, facilities=facilities,
        clinician_id=wish.clinician, clinician=clinician, weekdays=WEEKDAYS, parts=PARTS, notice=NOTICE,
        distances=DISTANCES, errors=errors, patient_name=name, needs_patient=not patient,
        first=local_day(visit.portal.clock.now()),
    )  # fmt: skip
