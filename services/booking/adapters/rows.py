"""Between rows and the domain: the one place that knows which column holds what."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any, Protocol

from services.booking.domain.appointment import Appointment, Change, Occupied, Place
from services.booking.domain.feed import Cursor
from services.booking.domain.lifecycle import Action, Status
from services.booking.ports import RecordedChange
from services.booking.usecases.telling import event_of_change
from services.contracts.events.booking import AppointmentEvent
from services.contracts.security_labels import SecurityLabel
from services.kernel.audit import AuditEntry


class Row(Protocol):
    """A row by column name, whoever fetched it."""

    def __getitem__(self, name: str, /) -> Any:
        """Return a column's value."""
        ...


def appointment_of(row: Row) -> Appointment:
    """Read a row of ``appointment``."""
    place = Place(
        clinician_id=row["clinician_id"], facility_id=row["facility_id"], specialty=row["specialty"],
        visit_type=row["visit_type"], slot_id=row["slot_id"], starts_at=row["starts_at"], ends_at=row["ends_at"],
        timezone=row["timezone"], schedule_version=row["schedule_version"],
        resources=tuple(Occupied(**resource) for resource in row["resources"]),
    )  # fmt: skip
    return Appointment(
        row["id"], row["patient_id"], place, Status(row["status"]), row["version"], row["hold_expires_at"],
        row["reason"], row["created_at"], row["updated_at"], SecurityLabel(row["security_label"]),
        row["series_id"], row["late_cancel"], row["late_waived"],
    )  # fmt: skip


def resources_json(resources: Iterable[Occupied]) -> list[dict[str, Any]]:
    """Return resources as they are stored; a language only where there is one."""
    return [
        {
            "kind": r.kind,
            "id": r.id,
            "depth": r.depth,
            "lane": r.lane,
            **({"language": r.language} if r.language else {}),
        }
        for r in resources
    ]


def appointment_row(appointment: Appointment) -> dict[str, Any]:
    """Return a row of ``appointment``, JSON-ready."""
    place = appointment.place
    return {
        "id": str(appointment.id), "patient_id": appointment.patient_id, "clinician_id": place.clinician_id,
        "facility_id": place.facility_id, "specialty": place.specialty, "visit_type": place.visit_type,
        "slot_id": place.slot_id, "starts_at": place.starts_at.isoformat(), "ends_at": place.ends_at.isoformat(),
        "timezone": place.timezone, "visit_day": place.visit_day.isoformat(), "lane": place.lane,
        "status": str(appointment.status), "version": appointment.version,
        "resources": resources_json(place.resources),
        "schedule_version": place.schedule_version, "hold_expires_at": _optional(appointment.hold_expires_at),
        "reason": appointment.reason, "created_at": appointment.created_at.isoformat(),
        "updated_at": appointment.updated_at.isoformat(), "security_label": appointment.label,
        "series_id": str(appointment.series_id) if appointment.series_id else None,
        "late_cancel": appointment.late_cancel, "late_waived": appointment.late_waived,
    }  # fmt: skip


def history_row(change: Change, entry: AuditEntry) -> tuple[dict[str, Any], AppointmentEvent]:
    """Return a row of ``status_history``, JSON-ready, with the event it tells; ``entry`` says who did it."""
    after = change.after
    event = event_of_change(change)
    former = change.before.place.facility_id if change.before else ""
    reason = after.late_waived if change.action is Action.WAIVE_LATE else after.reason
    row = {
        "appointment_id": str(after.id), "version": after.version, "action": str(change.action),
        "from_status": str(change.before.status) if change.before else "", "to_status": str(after.status),
        "actor_subject": entry.subject, "actor_roles": list(entry.roles), "reason": reason,
        "at": after.updated_at.isoformat(), "correlation_id": entry.correlation_id,
        "facility_id": after.place.facility_id,
        "former_facility_id": former if former != after.place.facility_id else "",
        "event_type": event.type, "event": dict(event.payload()),
    }  # fmt: skip
    return row, event


def recorded_change_of(row: Row) -> RecordedChange:
    """Read a row of ``status_history`` whose ``xid`` was selected as text."""
    return RecordedChange(
        Cursor(int(row["xid"]), row["id"]), row["appointment_id"], row["version"], row["action"], row["from_status"],
        row["to_status"], row["actor_subject"], tuple(row["actor_roles"]), row["reason"], row["at"],
        row["facility_id"], row["former_facility_id"], row["event_type"], row["event"],
    )  # fmt: skip


def _optional(at: datetime | None) -> str | None:
    return at.isoformat() if at else None
