"""Reads: one appointment, its history, a patient's list, a facility's day, the change feed."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Path, Query, Response

from services.booking.api.models import (
    CURSOR,
    ID,
    POSITION,
    AppointmentList,
    AppointmentView,
    BookedVisits,
    Changes,
    ChangeView,
    Day,
    History,
    HistoryEntry,
    Instant,
    cursor_of,
    list_of,
    position_of,
    view_of,
)
from services.booking.api.parts import BookingDep
from services.booking.usecases.telling import etag
from services.kernel.http import GateDep, guard

router = APIRouter(tags=["reads"])
Limit = Annotated[int, Query(ge=1, le=200, description="most appointments in one page")]
After = Annotated[str | None, Query(pattern=POSITION, description="'next' of the page before")]


@router.get("/appointments/{appointment_id}", **guard("read-appointment", 404, 422))
async def read_appointment(
    appointment_id: UUID, gate: GateDep, booking: BookingDep, response: Response
) -> AppointmentView:
    """Return an appointment or hold; its ETag is what If-Match wants.

    Staff of its facility who may not know of a labelled visit see that its time is taken: ``busy``, without ETag.
    """
    seen = await booking.read.one(gate, appointment_id)
    if not seen.busy:
        response.headers["etag"] = etag(seen.appointment)
    return view_of(seen)


@router.get("/appointments/{appointment_id}/history", **guard("read-appointment", 404, 422))
async def read_history(appointment_id: UUID, gate: GateDep, booking: BookingDep) -> History:
    """Return who did what to an appointment and when, oldest first."""
    entries = [
        HistoryEntry(
            version=change.version, action=change.action, from_status=change.from_status, to_status=change.to_status,
            reason=change.reason, at=change.at, actor_subject=change.actor_subject,
            actor_roles=list(change.actor_roles), clinician_id=change.event["clinician_id"],
            facility_id=change.facility_id, starts_at=change.event["starts_at"], ends_at=change.event["ends_at"],
            late=bool(change.event.get("late", False)),
        )
        for change in await booking.read.history(gate, appointment_id)
    ]  # fmt: skip
    return History(entries=entries)


@router.get("/appointments", **guard("read-own-appointments", 422))
async def list_appointments(
    gate: GateDep,
    booking: BookingDep,
    patient_id: Annotated[str, Query(pattern=ID)],
    starting: Annotated[Instant | None, Query(alias="from", description="leave out what starts earlier")] = None,
    after: After = None,
    limit: Limit = 50,
) -> AppointmentList:
    """Return a patient's appointments and holds by start, without those the caller may not know of."""
    current = booking.aliases.of(patient_id)
    return list_of(await booking.read.of_patient(gate, current, starting, position_of(after), limit))


@router.get("/facilities/{facility_id}/day", **guard("read-day", 422))
async def read_day(
    gate: GateDep,
    booking: BookingDep,
    facility_id: Annotated[str, Path(pattern=ID)],
    date: Annotated[Day, Query(description="a day of the facility's own calendar")],
    cancelled: Annotated[bool, Query(description="whether to show what was cancelled too")] = False,
    after: After = None,
    limit: Limit = 200,
) -> AppointmentList:
    """Return a facility's appointments and holds on one day by start; ``busy`` ones only as time that is taken."""
    page = await booking.read.day(gate, facility_id, date, position_of(after), limit, cancelled=cancelled)
    return list_of(page)


@router.get("/visit-types/{visit_type}/booked", **guard("manage-catalogue", 422))
async def count_booked(
    gate: GateDep, booking: BookingDep, visit_type: Annotated[str, Path(pattern=ID)]
) -> BookedVisits:
    """Count the booked visits of a kind that are still to come, for whoever is about to change the kind."""
    return BookedVisits(facilities=dict(await booking.read.booked_of(gate, visit_type)))


@router.get("/changes", **guard("read-changes", 422))
async def read_changes(
    gate: GateDep,
    booking: BookingDep,
    after: Annotated[str | None, Query(pattern=CURSOR, description="'cursor' of the answer before")] = None,
    limit: Annotated[int, Query(ge=0, le=500, description="0 asks for the head alone")] = 200,
) -> Changes:
    """Return every change after a cursor, for projections that must not miss one.

    To start from a snapshot: ask with limit=0, take the snapshot, then follow from that cursor.
    """
    found, cursor, more = await booking.read.changes(gate, cursor_of(after), limit)
    views = [
        ChangeView(cursor=str(c.cursor), action=c.action, at=c.at, type=c.event_type, data=dict(c.event)) for c in found
    ]
    return Changes(changes=views, cursor=str(cursor), more=more)
