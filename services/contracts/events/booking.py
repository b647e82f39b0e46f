"""What booking tells. Each event carries the appointment as it now stands and its ``version``.

A projection keeps the highest version it has seen, so order and repetition do not matter.
"""

from collections.abc import Mapping
from typing import Any, ClassVar

from pydantic import AwareDatetime, BaseModel, ConfigDict

from services.contracts.events.base import Event
from services.contracts.security_labels import SecurityLabel

_APPOINTMENT: dict[str, Any] = {
    "appointment_id": "0197a000-0000-7000-8000-00000000000a", "version": 1, "status": "booked",
    "patient_id": "pat-000001", "clinician_id": "cln-00001", "facility_id": "fac-0001",
    "specialty": "family-medicine", "visit_type": "family-medicine-follow-up", "slot_id": "slot-1",
    "starts_at": "2027-01-04T14:00:00Z", "ends_at": "2027-01-04T14:20:00Z", "timezone": "America/New_York", "lane": 0,
    "security_label": "N", "room_id": "room-fac-0001-1", "interpreter_id": "int-00001",
}  # fmt: skip


class AppointmentEvent(Event):
    """The appointment after the change; ``status`` is a FHIR R4 Appointment.status, ``lane`` its overbooking lane.

    Whoever shows it to people looks at ``security_label`` first. ``room_id`` and ``interpreter_id`` are what it
    occupies beside its clinician, "" for none (None: told before rooms were). The language interpreted is not told:
    whoever keeps an interpreter's time does not need it.
    """

    PHI: ClassVar[bool] = True

    appointment_id: str
    version: int
    status: str
    patient_id: str
    clinician_id: str
    facility_id: str
    specialty: str
    visit_type: str
    slot_id: str
    starts_at: AwareDatetime
    ends_at: AwareDatetime
    timezone: str
    lane: int
    security_label: SecurityLabel = SecurityLabel.NORMAL
    room_id: str | None = None
    interpreter_id: str = ""


class AppointmentHeld(AppointmentEvent):
    """A slot is held for a patient until ``expires_at``."""

    TYPE: ClassVar[str] = "booking.appointment-held.v1"
    EXAMPLE: ClassVar[Mapping[str, Any]] = {**_APPOINTMENT, "status": "pending", "expires_at": "2027-01-03T14:05:00Z"}

    expires_at: AwareDatetime


class HoldReleased(AppointmentEvent):
    """A hold ended without a booking: given back (``hold-released``) or run out (``hold-expired``)."""

    TYPE: ClassVar[str] = "booking.hold-released.v1"
    EXAMPLE: ClassVar[Mapping[str, Any]] = {
        **_APPOINTMENT,
        "status": "cancelled",
        "version": 2,
        "reason": "hold-expired",
    }

    reason: str


class AppointmentBooked(AppointmentEvent):
    """A hold was confirmed or a slot booked directly."""

    TYPE: ClassVar[str] = "booking.appointment-booked.v1"
    EXAMPLE: ClassVar[Mapping[str, Any]] = {**_APPOINTMENT}


class AppointmentMoved(AppointmentEvent):
    """The appointment now stands elsewhere; the former place is free."""

    TYPE: ClassVar[str] = "booking.appointment-moved.v1"
    EXAMPLE: ClassVar[Mapping[str, Any]] = {
        **_APPOINTMENT, "version": 2, "former_clinician_id": "cln-00002", "former_facility_id": "fac-0001",
        "former_starts_at": "2027-01-04T13:00:00Z", "former_ends_at": "2027-01-04T13:20:00Z",
    }  # fmt: skip

    former_clinician_id: str
    former_facility_id: str
    former_starts_at: AwareDatetime
    former_ends_at: AwareDatetime


class AppointmentCancelled(AppointmentEvent):
    """The appointment was called off for a FHIR R4 appointment-cancellation-reason; ``late`` by our rule."""

    TYPE: ClassVar[str] = "booking.appointment-cancelled.v1"
    EXAMPLE: ClassVar[Mapping[str, Any]] = {
        **_APPOINTMENT,
        "status": "cancelled",
        "version": 2,
        "reason": "pat",
        "late": True,
    }

    reason: str
    late: bool = False


class LateCancelWaived(AppointmentEvent):
    """A late cancellation does not count any more, for ``reason``, a code of booking's own."""

    TYPE: ClassVar[str] = "booking.late-cancel-waived.v1"
    EXAMPLE: ClassVar[Mapping[str, Any]] = {**_APPOINTMENT, "status": "cancelled", "version": 3, "reason": "illness"}

    reason: str


class AppointmentCheckedIn(AppointmentEvent):
    """The patient has arrived and is checked in."""

    TYPE: ClassVar[str] = "booking.appointment-checked-in.v1"
    EXAMPLE: ClassVar[Mapping[str, Any]] = {**_APPOINTMENT, "status": "checked-in", "version": 2}


class AppointmentFulfilled(AppointmentEvent):
    """The visit took place."""

    TYPE: ClassVar[str] = "booking.appointment-fulfilled.v1"
    EXAMPLE: ClassVar[Mapping[str, Any]] = {**_APPOINTMENT, "status": "fulfilled", "version": 3}


class AppointmentNoShow(AppointmentEvent):
    """The patient did not come."""

    TYPE: ClassVar[str] = "booking.appointment-noshow.v1"
    EXAMPLE: ClassVar[Mapping[str, Any]] = {**_APPOINTMENT, "status": "noshow", "version": 2}


class AppointmentReassigned(AppointmentEvent):
    """The appointment stands as before, under the record that replaced its patient's (directory.patient-merged)."""

    TYPE: ClassVar[str] = "booking.appointment-reassigned.v1"
    EXAMPLE: ClassVar[Mapping[str, Any]] = {**_APPOINTMENT, "version": 2, "former_patient_id": "pat-000002"}

    former_patient_id: str


_FREED: dict[str, Any] = {
    "freed_id": "0197a000-0000-7000-8000-0000000000f1", "version": 1, "clinician_id": "cln-00001",
    "facility_id": "fac-0001", "starts_at": "2027-01-04T14:00:00Z", "ends_at": "2027-01-04T14:20:00Z", "lane": 0,
}  # fmt: skip


class FreedSlotEvent(Event):
    """A slot somebody gave up while others wait for one like it. Names no patient and no appointment."""

    freed_id: str
    version: int
    clinician_id: str
    facility_id: str
    starts_at: AwareDatetime
    ends_at: AwareDatetime
    lane: int


class FreedResource(BaseModel):
    """A resource of a freed slot, as slot offers name it; apart from them, because functions have no cryptography."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    kind: str
    id: str
    depth: int
    language: str = ""


class SlotFreed(FreedSlotEvent):
    """A freed slot is kept out of search until ``open_until``; told again, with a higher version, when extended."""

    TYPE: ClassVar[str] = "booking.slot-freed.v1"
    EXAMPLE: ClassVar[Mapping[str, Any]] = {
        **_FREED, "slot_id": "slot-1", "specialty": "family-medicine", "visit_type": "family-medicine-follow-up",
        "timezone": "America/New_York", "schedule_version": 1,
        "resources": [{"kind": "clinician", "id": "cln-00001", "depth": 1, "language": ""}],
        "open_until": "2027-01-03T14:00:30Z",
    }  # fmt: skip

    slot_id: str
    specialty: str
    visit_type: str
    timezone: str
    schedule_version: int
    resources: tuple[FreedResource, ...]
    open_until: AwareDatetime


class SlotReleased(FreedSlotEvent):
    """A freed slot is kept no longer: ``outcome`` is ``expired``, ``released`` or ``taken``."""

    TYPE: ClassVar[str] = "booking.slot-released.v1"
    EXAMPLE: ClassVar[Mapping[str, Any]] = {**_FREED, "version": 2, "outcome": "expired"}

    outcome: str


_DISRUPTED: dict[str, Any] = {
    "visit_id": "9f1c1f0a-6c1e-4a53-9a53-0d6f4c6d3f10", "version": 1,
    "disruption_id": "0197a000-0000-7000-8000-000000000001",
    "appointment_id": "0197a000-0000-7000-8000-00000000000a", "patient_id": "pat-000001", "facility_id": "fac-0001",
    "starts_at": "2027-01-04T14:00:00Z", "timezone": "America/New_York", "security_label": "N",
}  # fmt: skip


class DisruptedVisitEvent(Event):
    """A booked visit that a leave or a closure lies over; ``version`` 1 while it is open and 2 when it ended."""

    PHI: ClassVar[bool] = True

    visit_id: str
    version: int
    disruption_id: str
    appointment_id: str
    patient_id: str
    facility_id: str
    starts_at: AwareDatetime
    timezone: str
    security_label: SecurityLabel = SecurityLabel.NORMAL


class VisitDisrupted(DisruptedVisitEvent):
    """The visit cannot take place as booked; the patient is asked to choose another until ``answer_by``."""

    TYPE: ClassVar[str] = "booking.visit-disrupted.v1"
    EXAMPLE: ClassVar[Mapping[str, Any]] = {**_DISRUPTED, "answer_by": "2027-01-03T18:00:00Z"}

    answer_by: AwareDatetime


class VisitDisruptionEnded(DisruptedVisitEvent):
    """Nothing more is asked: ``outcome`` is rebooked, cancelled, kept, restored (it stands after all), passed-on."""

    TYPE: ClassVar[str] = "booking.visit-disruption-ended.v1"
    EXAMPLE: ClassVar[Mapping[str, Any]] = {**_DISRUPTED, "version": 2, "outcome": "restored"}

    outcome: str
