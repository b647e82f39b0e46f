"""When a leave or a closure lies over booked visits: the planner follows it, the desk calls, the patient chooses."""

from collections.abc import Mapping
from typing import Any

from fastapi import APIRouter, Response

from services.kernel.errors import Conflict, Invalid, NotFound, Unavailable
from services.portal.api.desk import facilities_of
from services.portal.api.drawing import draw, go
from services.portal.api.entrance import PageRoute, Visit, VisitDep, page
from services.portal.api.fields import AppointmentId, PathId
from services.portal.api.names import Names

router = APIRouter(tags=["disruptions"], route_class=PageRoute)
SHOWN = "50"
STATES = {
    "found": "Not asked yet",
    "asked": "Asked, no answer yet",
    "to-call": "To be called",
    "rebooked": "Has another time",
    "cancelled": "Cancelled",
    "restored": "Takes place after all",
    "kept": "Came as booked",
}
CAUSES = {
    "not-reached": "No message reached them",
    "no-answer": "No answer in time",
    "declined": "No offered time suits",
    "checked-in": "Already here",
    "begun": "The time of the visit has come",
}
UNREACHED = {
    "no-contact": "No e-mail and no phone on file",
    "bounced": "Mail to them came back",
    "no-consent": "Does not agree to messages",
    "opted-out": "Asked for no messages",
    "recipient-inactive": "Record is closed",
    "text-limit": "Too many texts this week",
    "quiet-hours": "Only texts, and not at night",
    "outcome-unknown": "Unclear whether the message left",
    "no-word": "No word of a message",
    "checked-in": "Already here",
}
OTHERWISE = "The message could not be delivered"
CALLS = {
    "reached": "Reached",
    "left-message": "Left a message",
    "no-reply": "No reply",
    "wrong-number": "Wrong number",
}
OUTCOMES = {**CALLS, "sent": "Sent", "failed": "Not sent"}
KINDS = {
    "disruption": "Asked to choose another time",
    "restored": "Told that it takes place after all",
    "moved": "Told of the new time",
    "cancelled": "Told of the cancellation",
    "call": "Call",
}
CHANNELS = {"email": "E-mail", "sms": "Text message", "phone": "Phone", "": "–"}


@router.get("/disruptions", **page("read-disruption"))
async def choose_for_disruptions(visit: VisitDep) -> Response:
    """Lead to the one facility of the role, or let one be chosen."""
    if len(visit.session.facilities) == 1 and not visit.session.everywhere:
        return go(visit.request, f"disruptions/at/{visit.session.facilities[0]}")
    return draw(visit, "choose.html", facilities=await facilities_of(visit), to="disruptions/at")


@router.get("/disruptions/at/{facility_id}", **page("read-disruption"))
async def disruptions_at(visit: VisitDep, facility_id: PathId) -> Response:
    """Show a facility's disruptions, and how many calls wait."""
    names = Names(visit)
    listed = (await visit.read("booking", "/disruptions", facility_id=facility_id))["disruptions"]
    named = [{**one, "name": await _subject(names, one)} for one in listed]
    facility = await names.facility(facility_id)
    return draw(
        visit, "disruptions.html", disruptions=named, facility=facility, facility_id=facility_id, zone=_zone(facility)
    )


@router.get("/disruptions/{disruption_id}", **page("read-disruption"))
async def show_disruption(visit: VisitDep, disruption_id: PathId, after: str = "") -> Response:
    """Show how far it is, and who was told when."""
    return await _show(visit, disruption_id, after, "disruption.html")


@router.get("/disruptions/{disruption_id}/progress", **page("read-disruption"))
async def show_progress(visit: VisitDep, disruption_id: PathId) -> Response:
    """Return only the numbers, for the page's script."""
    # Following is not using: a screen left alone must not keep its session alive.
    answer = await _show(visit, disruption_id, "", "disruption_progress.html", records=False)
    visit.request.state.cookies = {}
    return answer


@router.get("/calls/{facility_id}", **page("read-disruption"))
async def show_calls(visit: VisitDep, facility_id: PathId, after: str = "") -> Response:
    """Show whom to call."""
    query = {"limit": SHOWN, **({"after": after} if after else {})}
    listed = await visit.read("booking", f"/facilities/{facility_id}/calls", **query)
    facility = await Names(visit).facility(facility_id)
    return draw(
        visit, "calls.html", visits=await Names(visit).with_patients(listed["visits"]), next=listed["next"],
        facility=facility, facility_id=facility_id, causes=CAUSES, unreached=UNREACHED, otherwise=OTHERWISE,
        calls=CALLS, outcomes=OUTCOMES, kinds=KINDS, channels=CHANNELS,
    )  # fmt: skip


@router.post("/calls/{facility_id}/{visit_id}", **page("record-call", form=True))
async def note_call(visit: VisitDep, facility_id: PathId, visit_id: AppointmentId) -> Response:
    """Note what came of a call."""
    outcome = await visit.field("outcome", 20)
    if outcome not in CALLS:
        raise Invalid("Choose what came of the call.", slug="call-unclear")
    await visit.ask("POST", "booking", f"/disrupted-visits/{visit_id}/calls", body={"outcome": outcome})
    return go(visit.request, f"calls/{facility_id}?told=saved")


@router.get("/alternatives/{visit_id}", **page("read-alternatives"))
async def show_alternatives(visit: VisitDep, visit_id: AppointmentId) -> Response:
    """Show a patient what can be had instead; nothing is booked by looking."""
    return await _alternatives(visit, str(visit_id))


@router.post("/alternatives/{visit_id}/accept", **page("accept-alternative", form=True))
async def accept(visit: VisitDep, visit_id: AppointmentId) -> Response:
    """Take another time; when somebody else was faster, say so kindly and show what is open now."""
    slot_id, key = await visit.field("slot", 64), await visit.field("key", 60)
    headers = {"idempotency-key": f"{key}-{slot_id}"}
    path = f"/disrupted-visits/{visit_id}/accept"
    try:
        moved = await visit.ask("POST", "booking", path, body={"slot_id": slot_id}, headers=headers)
    except Conflict as error:
        if error.slug == "settled":
            return await _alternatives(visit, str(visit_id))
        return await _alternatives(visit, str(visit_id), taken=True)
    return go(visit.request, f"visits/{moved.body['id']}?told=moved")


@router.post("/alternatives/{visit_id}/decline", **page("decline-alternative", form=True))
async def decline(visit: VisitDep, visit_id: AppointmentId) -> Response:
    """Say that none of them suits."""
    await visit.ask("POST", "booking", f"/disrupted-visits/{visit_id}/decline")
    return go(visit.request, f"alternatives/{visit_id}?told=declined")


async def _alternatives(visit: Visit, visit_id: str, *, taken: bool = False) -> Response:
    found = await visit.read("booking", f"/disrupted-visits/{visit_id}")
    (told,) = await Names(visit).visits([found])
    status = 409 if taken else 200
    return draw(visit, "alternatives.html", status, visit=told, alternatives=found["alternatives"], taken=taken)


async def _show(visit: Visit, disruption_id: str, after: str, template: str, *, records: bool = True) -> Response:
    try:
        disruption = await visit.read("booking", f"/disruptions/{disruption_id}")
    except NotFound:
        # Booking hears of a leave a moment after it was recorded.
        return draw(visit, template, disruption=None, disruption_id=disruption_id)
    names = Names(visit)
    listed: dict[str, Any] = {"visits": [], "next": None}
    if records:
        query = {"limit": SHOWN, **({"after": after} if after else {})}
        listed = await visit.read("booking", f"/disruptions/{disruption_id}/visits", **query)
    return draw(
        visit, template, disruption=disruption, disruption_id=disruption_id, name=await _subject(names, disruption),
        visits=await names.with_patients(listed["visits"]), next=listed["next"], states=STATES, causes=CAUSES,
        unreached=UNREACHED, otherwise=OTHERWISE, outcomes=OUTCOMES, kinds=KINDS, channels=CHANNELS,
        zone=listed["visits"][0]["timezone"] if listed["visits"] else await _zone_of(names, disruption),
    )  # fmt: skip


async def _subject(names: Names, disruption: Mapping[str, Any]) -> str:
    if disruption["kind"] == "clinician":
        return await names.clinician(disruption["subject_id"])
    return str((await names.facility(disruption["subject_id"]))["name"])


async def _zone_of(names: Names, disruption: Mapping[str, Any]) -> str:
    return _zone(await names.facility(disruption["subject_id"]) if disruption["kind"] == "facility" else {})


def _zone(facility: Mapping[str, Any]) -> str:
    return str(facility.get("timezone", "America/New_York"))


async def waiting_for(visit: Visit, patient_id: str) -> list[dict[str, Any]]:
    """Return a patient's visits that cannot take place as booked; none when booking is out or will not say."""
    try:
        found = await visit.read("booking", "/disrupted-visits", patient_id=patient_id)
    except Unavailable:
        return []
    return list(found["visits"])
