"""How a change is told: to the caller as JSON, to the bus and the history as an event."""

from datetime import datetime
from typing import Any

from services.booking.domain.appointment import Appointment, Change
from services.booking.domain.freed import FreedSlot, FreedState
from services.booking.domain.lifecycle import Action, Status
from services.contracts.events import booking as events

_PLAIN: dict[Action, type[events.AppointmentEvent]] = {
    Action.CHECK_IN: events.AppointmentCheckedIn,
    Action.COMPLETE: events.AppointmentFulfilled,
    Action.NO_SHOW: events.AppointmentNoShow,
}


def told(appointment: Appointment) -> dict[str, Any]:
    """Return the appointment as the API shows it, JSON-ready; instants in UTC."""
    place = appointment.place
    return {
        "id": str(appointment.id),
        "status": str(appointment.status),
        "version": appointment.version,
        "patient_id": appointment.patient_id,
        "clinician_id": place.clinician_id,
        "facility_id": place.facility_id,
        "specialty": place.specialty,
        "visit_type": place.visit_type,
        "slot_id": place.slot_id,
        "starts_at": _instant(place.starts_at),
        "ends_at": _instant(place.ends_at),
        "timezone": place.timezone,
        "lane": place.lane,
        "interpreter": place.interpreted,
        "reason": appointment.reason,
        "hold_expires_at": _instant(appointment.hold_expires_at) if appointment.hold_expires_at else None,
        "created_at": _instant(appointment.created_at),
        "updated_at": _instant(appointment.updated_at),
        "series_id": str(appointment.series_id) if appointment.series_id else None,
        "late_cancel": appointment.late_cancel,
        "late_waived": appointment.late_waived,
        "security_label": str(appointment.label),
        "busy": False,
    }


def told_busy(appointment: Appointment) -> dict[str, Any]:
    """Return of an appointment only that its time is taken: no patient, no visit type, no status, no label."""
    fields = ("patient_id", "specialty", "visit_type", "slot_id", "interpreter", "reason")
    hidden: dict[str, Any] = dict.fromkeys(fields, "")
    hidden |= dict.fromkeys(("hold_expires_at", "created_at", "updated_at"))
    return {
        **told(appointment), **hidden, "status": str(Status.BOOKED), "version": 0, "security_label": "", "busy": True,
    }  # fmt: skip


def etag(appointment: Appointment) -> str:
    """Return the strong entity tag of this version (RFC 9110 section 8.8.3)."""
    return f'"{appointment.version}"'


def event_of_change(change: Change) -> events.AppointmentEvent:
    """Return the event that tells ``change``."""
    after = change.after
    place = after.place
    fields: dict[str, Any] = {
        "appointment_id": str(after.id), "version": after.version, "status": str(after.status),
        "patient_id": after.patient_id, "clinician_id": place.clinician_id, "facility_id": place.facility_id,
        "specialty": place.specialty, "visit_type": place.visit_type, "slot_id": place.slot_id,
        "starts_at": place.starts_at, "ends_at": place.ends_at, "timezone": place.timezone, "lane": place.lane,
        "security_label": after.label, "room_id": place.id_of("room"), "interpreter_id": place.id_of("interpreter"),
    }  # fmt: skip
    match change.action:
        case Action.HOLD:
            assert after.hold_expires_at is not None
            return events.AppointmentHeld(**fields, expires_at=after.hold_expires_at)
        case Action.BOOK | Action.CONFIRM:
            return events.AppointmentBooked(**fields)
        case Action.RELEASE | Action.EXPIRE:
            return events.HoldReleased(**fields, reason=after.reason)
        case Action.CANCEL:
            return events.AppointmentCancelled(**fields, reason=after.reason, late=after.late_cancel)
        case Action.MOVE:
            assert change.before is not None
            former = change.before.place
            return events.AppointmentMoved(
                **fields, former_clinician_id=former.clinician_id, former_facility_id=former.facility_id,
                former_starts_at=former.starts_at, former_ends_at=former.ends_at,
            )  # fmt: skip
        case Action.CHECK_IN | Action.COMPLETE | Action.NO_SHOW:
            return _PLAIN[change.action](**fields)
        case Action.WAIVE_LATE:
            return events.LateCancelWaived(**fields, reason=after.late_waived)
        case Action.REASSIGN:
            assert change.before is not None
            return events.AppointmentReassigned(**fields, former_patient_id=change.before.patient_id)


def freed_event(freed: FreedSlot) -> events.FreedSlotEvent:
    """Return the event that tells how a freed slot now stands."""
    place = freed.place
    fields: dict[str, Any] = {
        "freed_id": str(freed.id), "version": freed.version, "clinician_id": place.clinician_id,
        "facility_id": place.facility_id, "starts_at": place.starts_at, "ends_at": place.ends_at, "lane": place.lane,
    }  # fmt: skip
    if freed.state is not FreedState.OPEN:
        return events.SlotReleased(**fields, outcome=str(freed.state))
    resources = tuple(
        events.FreedResource(kind=r.kind, id=r.id, depth=r.depth, language=r.language) for r in place.resources
    )
    return events.SlotFreed(
        **fields, slot_id=place.slot_id, specialty=place.specialty, visit_type=place.visit_type,
        timezone=place.timezone, schedule_version=place.schedule_version, resources=resources,
        open_until=freed.open_until,
    )  # fmt: skip


def _instant(at: datetime) -> str:
    return at.isoformat().replace("+00:00", "Z")
