"""From a wish to a booked visit: find, choose a time, look again, confirm. The wish is in a cookie, never in a URL."""

import hashlib
import re
from itertools import groupby
from typing import Any

import jwt
from fastapi import APIRouter, Response

from services.kernel.errors import Conflict, Invalid
from services.portal.api.drawing import draw, go
from services.portal.api.entrance import PageRoute, Visit, VisitDep, page
from services.portal.api.fields import CODE, ID, LANGUAGE, ZIP, AppointmentId, Fields, local_day
from services.portal.api.line import in_line
from services.portal.api.names import Names
from services.portal.domain.session import PATIENT_DESK
from services.portal.domain.wish import Wish

router = APIRouter(tags=["finding"], route_class=PageRoute)
DISTANCES = (5, 10, 25, 50, 100)
LANGUAGES = (("", "Any language"), ("en", "English"), ("es", "Spanish"), ("zh", "Chinese"), ("vi", "Vietnamese"))


@router.get("/find", **page("search-slots"))
async def find_form(visit: VisitDep) -> Response:
    """Show what can be looked for."""
    wish = visit.wish
    if wish.moving:
        wish = Wish()
        visit.wishes(wish)
    return await _find(visit, wish, {})


@router.get("/book", **page("search-slots"))
async def book_here(visit: VisitDep) -> Response:
    """Begin where a link from the finder, or from whoever lists its times, leads: times of one facility and day.

    The link is about no person; what it asks for goes into the wish, and the address is left behind.
    """
    asked = Fields(visit.request.query_params, visit.wording)
    day = asked.day("day")
    wish = Wish(
        patient=visit.wish.patient, visit_type=asked.matching("visit_type", CODE, ""),
        facility=asked.matching("facility", re.compile(ID), ""), first_day=day, last_day=day,
    )  # fmt: skip
    if asked.errors or not (wish.visit_type and wish.facility):
        return go(visit.request, "find")
    visit.wishes(wish)
    return go(visit.request, "slots")


@router.post("/find", **page("search-slots", form=True))
async def find(visit: VisitDep) -> Response:
    """Remember the wish and show times."""
    _, fields = visit.wording, Fields(await visit.form(), visit.wording)
    wish = Wish(
        patient=visit.wish.patient,
        specialty=fields.matching("specialty", CODE, _("Choose from the list.")),
        visit_type=fields.matching("visit_type", CODE, _("Choose from the list.")),
        zip_code=fields.matching("zip_code", ZIP, _("Enter five digits, such as 02108.")),
        within_miles=fields.number("within_miles", 1, 500),
        first_day=fields.day("first_day"),
        last_day=fields.day("last_day"),
        language=fields.matching("language", CODE, _("Choose from the list.")),
        facility=visit.wish.facility if fields.text("only_here") else "",
        interpreter=_interpreter(fields),
    )
    if not (wish.specialty or wish.visit_type):
        fields.errors["specialty"] = _("Choose a specialty.")
    if fields.text("with_interpreter") and not wish.interpreter:
        fields.errors.setdefault("interpreter", _("Choose a language."))
    if wish.first_day and wish.last_day and wish.last_day < wish.first_day:
        fields.errors["last_day"] = _("This day lies before the first one.")
    if fields.errors:
        return await _find(visit, wish, fields.errors, 422)
    visit.wishes(wish)
    return go(visit.request, "slots")


@router.get("/slots", **page("search-slots", after=in_line))
async def show_slots(visit: VisitDep) -> Response:
    """Show open times by day, in the facility's own time."""
    wish = visit.wish
    if not (wish.specialty or wish.visit_type or wish.clinician):
        return go(visit.request, "find")
    query = wish.query()
    try:
        found = await visit.ask("GET", "availability", "/slots", query=query)
    except Invalid as error:
        told = {"zip_code": visit.wording("No place is known by this ZIP code.")} if wish.zip_code else {}
        return await _find(visit, wish, told or {"specialty": error.detail}, 422)
    slots = found.body["slots"]
    days = [(day, list(of)) for day, of in groupby(slots, key=lambda slot: str(slot["starts_local"])[:10])]
    return draw(visit, "slots.html", days=days, count=len(slots), wish=wish, patient_name=await _for_whom(visit, wish))


@router.post("/hold", **page("hold-slot", form=True, after=in_line))
async def hold(visit: VisitDep) -> Response:
    """Hold a chosen time while the person looks it over; somebody else may have been quicker."""
    wish, offer = visit.wish, await visit.field("offer")
    if wish.moving:
        return await _look_over_move(visit, wish, offer)
    patient = wish.patient or visit.session.patient
    if not patient:
        raise Invalid("Choose for whom to book first: search the patient.")
    body = {"offer": offer, "patient_id": patient}
    # Another time chosen on the same page is another intent.
    chosen = hashlib.sha256(offer.encode()).hexdigest()[:16]
    headers = {"idempotency-key": f"{await visit.field('key', 60)}-{chosen}"}
    try:
        held = await visit.ask("POST", "booking", "/holds", body=body, headers=headers)
    except Conflict as error:
        return await lost(visit, error)
    return go(visit.request, f"review/{held.body['id']}")


@router.get("/review/{appointment_id}", **page("read-appointment"))
async def review(visit: VisitDep, appointment_id: AppointmentId) -> Response:
    """Show what is held, to be confirmed or given back."""
    held = await visit.ask("GET", "booking", f"/appointments/{appointment_id}")
    if held.body["status"] == "booked":
        return go(visit.request, f"visits/{appointment_id}")
    (told,) = await Names(visit).visits([held.body])
    status = 200 if held.body["status"] == "pending" else 409
    name = await _for_whom(visit, Wish(patient=held.body["patient_id"]))
    return draw(visit, "review.html", status, visit=told, etag=held.etag, patient_name=name)


@router.post("/review/{appointment_id}/confirm", **page("confirm-hold", form=True))
async def confirm(visit: VisitDep, appointment_id: AppointmentId) -> Response:
    """Book what is held."""
    key, etag = await visit.field("key", 60), await visit.field("etag", 60)
    try:
        await visit.change(str(appointment_id), "confirm", key, etag)
    except Conflict as error:
        return await lost(visit, error)
    visit.wishes(Wish())
    return go(visit.request, f"visits/{appointment_id}?told=booked")


@router.post("/review/{appointment_id}/release", **page("release-hold", form=True))
async def release(visit: VisitDep, appointment_id: AppointmentId) -> Response:
    """Give back what is held and look on."""
    await visit.change(str(appointment_id), "release", await visit.field("key", 60), await visit.field("etag", 60))
    return go(visit.request, "slots")


async def lost(visit: Visit, error: Conflict) -> Response:
    """Tell that somebody was quicker, with the nearest open times as buttons."""
    others = error.extra.get("alternatives") or []
    searched = error.extra.get("alternatives_status", "ok") == "ok"
    return draw(visit, "lost.html", 409, alternatives=others, searched=searched, gone=error.slug, error=error)


async def _look_over_move(visit: Visit, wish: Wish, offer: str) -> Response:
    """Show from when to when a visit would move; nothing is taken until it is confirmed."""
    current = await visit.ask("GET", "booking", f"/appointments/{wish.moving}")
    try:
        # Only shown: booking checks the signature when the move is confirmed.
        slot: dict[str, Any] = jwt.decode(offer, options={"verify_signature": False})["offer"]
        names = Names(visit)
        (before,) = await names.visits([current.body])
        interpreter = next((one["language"] for one in slot["resources"] if one["kind"] == "interpreter"), "")
        wanted = {**slot, "patient_id": current.body["patient_id"], "interpreter": interpreter}
        (after,) = await names.visits([wanted])
    except (jwt.PyJWTError, KeyError, TypeError):
        raise Invalid("This time cannot be read; choose one again.") from None
    return draw(visit, "review_move.html", before=before, after=after, offer=offer, etag=current.etag)


async def _find(visit: Visit, wish: Wish, errors: dict[str, str], status: int = 200) -> Response:
    specialties = (await visit.read("directory", "/specialties"))["specialties"]
    kinds = [kind for kind in (await visit.read("directory", "/visit-types"))["visit_types"] if kind["active"]]
    interpreted = (await visit.read("directory", "/interpreter-languages"))["languages"]
    first = local_day(visit.portal.clock.now())
    here = (await Names(visit).facility(wish.facility))["name"] if wish.facility else ""
    return draw(
        visit, "find.html", status, wish=wish, specialties=specialties, kinds=kinds, distances=DISTANCES, here=here,
        languages=LANGUAGES, interpreted=interpreted, suggested=wish.interpreter or visit.wording.language,
        errors=errors, first=first, patient_name=await _for_whom(visit, wish),
        needs_patient=not wish.patient and not visit.session.patient,
    )  # fmt: skip


def _interpreter(fields: Fields) -> str:
    """Return the language to be interpreted: what is chosen in the list counts only where one is asked for."""
    if not fields.text("with_interpreter"):
        return ""
    return fields.matching("interpreter", LANGUAGE, fields.say("Choose from the list."))


async def _for_whom(visit: Visit, wish: Wish) -> str:
    if not wish.patient or not visit.session.may(PATIENT_DESK):
        return ""
    return await Names(visit).patient(wish.patient)
