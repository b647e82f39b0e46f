"""The appointment and what each action makes of it. Every function returns a new one; nothing is changed in place."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

from services.booking.domain.lifecycle import (
    CREATED_BY,
    HOLD_EXPIRED,
    HOLD_RELEASED,
    Action,
    Status,
    next_status,
)
from services.booking.domain.reasons import CancelReason, LateWaiver
from services.contracts.security_labels import SecurityLabel, strictest
from services.contracts.slot_offer import OfferedResource
from services.kernel.errors import Conflict

SESSION = "session"
EARLY_ARRIVAL = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Occupied:
    """A resource the visit occupies: ``lane`` is which of its ``depth`` parallel lanes (0 is the ordinary one).

    ``language`` is what an interpreter interprets in the visit, "" for anything else.
    """

    kind: str
    id: str
    depth: int
    lane: int
    language: str = ""


@dataclass(frozen=True, slots=True)
class Place:
    """Where, when and what for. [starts_at, ends_at) are instants; ``timezone`` is the facility's IANA zone."""

    clinician_id: str
    facility_id: str
    specialty: str
    visit_type: str
    slot_id: str
    starts_at: datetime
    ends_at: datetime
    timezone: str
    schedule_version: int
    resources: tuple[Occupied, ...]

    @property
    def lane(self) -> int:
        """The clinician's lane, which is the appointment's overbooking lane; 0 in a session with places."""
        return next((resource.lane for resource in self.resources if resource.kind == "clinician"), 0)

    @property
    def session(self) -> "Occupied | None":
        """The session with places that it is one of: ``depth`` is the session's capacity."""
        return next((resource for resource in self.resources if resource.kind == SESSION), None)

    @property
    def interpreted(self) -> str:
        """The language an interpreter is there for, "" without one."""
        return next((resource.language for resource in self.resources if resource.kind == "interpreter"), "")

    def id_of(self, kind: str) -> str:
        """Return the id of what it occupies of ``kind``, "" for nothing."""
        return next((resource.id for resource in self.resources if resource.kind == kind), "")

    def only(self, wanted: Iterable[OfferedResource]) -> "Place":
        """Return it with no more than the resources that are wanted."""
        names = {(resource.kind, resource.id) for resource in wanted}
        kept = tuple(resource for resource in self.resources if (resource.kind, resource.id) in names)
        return replace(self, resources=kept)

    @property
    def visit_day(self) -> date:
        """The day of the visit on the facility's own calendar."""
        return self.local_day(self.starts_at)

    def local_day(self, at: datetime) -> date:
        """Return the date it is at the facility at the instant ``at``."""
        return at.astimezone(ZoneInfo(self.timezone)).date()


@dataclass(frozen=True, slots=True)
class Appointment:
    """An appointment or hold as it stands; ``version`` grows by one with each change and is its ETag.

    ``label`` says who may know of it; it never becomes milder. ``series_id`` names the series it was booked with;
    ``late_waived`` says why a late cancellation does not count.
    """

    id: UUID
    patient_id: str
    place: Place
    status: Status
    version: int
    hold_expires_at: datetime | None
    reason: str
    created_at: datetime
    updated_at: datetime
    label: SecurityLabel = SecurityLabel.NORMAL
    series_id: UUID | None = None
    late_cancel: bool = False
    late_waived: str = ""


@dataclass(frozen=True, slots=True)
class Change:
    """One step of the history: ``before`` is None when it creates the appointment."""

    action: Action
    before: Appointment | None
    after: Appointment

    @property
    def takes_place(self) -> bool:
        """Whether claims on a place must be won for it."""
        return self.action in {Action.HOLD, Action.BOOK, Action.MOVE}

    @property
    def frees_place(self) -> bool:
        """Whether the former place becomes free."""
        return self.action not in {Action.WAIVE_LATE, Action.REASSIGN} and (
            self.action is Action.MOVE or self.after.status is Status.CANCELLED
        )


def create(
    action: Action,
    id_: UUID,
    patient_id: str,
    place: Place,
    now: datetime,
    hold_expires_at: datetime | None,
    label: SecurityLabel = SecurityLabel.NORMAL,
    series_id: UUID | None = None,
) -> Change:
    """Return the change that makes a hold or an appointment; raise Conflict when the place has begun."""
    _not_begun(place, now, "The slot has begun or passed; search again.")
    # A hold that outlived the start would be confirmed into the past.
    expires = min(hold_expires_at, place.starts_at) if hold_expires_at else None
    after = Appointment(id_, patient_id, place, CREATED_BY[action], 1, expires, "", now, now, label, series_id)
    return Change(action, None, after)


def confirm(before: Appointment, now: datetime) -> Change:
    """Turn a hold into an appointment. An expired hold is gone, even if nobody has taken its place yet.

    Default: one plain rule for everyone; a grace period would make the displayed expiry a lie.
    """
    if (before.status is Status.CANCELLED and before.reason == HOLD_EXPIRED) or _hold_ran_out(before, now):
        raise Conflict("The hold has expired; search again.", slug="hold-expired")
    return _step(before, Action.CONFIRM, now)


def release(before: Appointment, now: datetime) -> Change:
    """Give a hold back."""
    return _step(before, Action.RELEASE, now, reason=HOLD_RELEASED)


def expire(before: Appointment, now: datetime) -> Change:
    """End a hold whose time has run out; raise Conflict while it has not."""
    if before.status is Status.PENDING and not _hold_ran_out(before, now):
        raise Conflict("The hold has not expired.", slug="hold-not-expired")
    return _step(before, Action.EXPIRE, now, reason=HOLD_EXPIRED)


def cancel(before: Appointment, now: datetime, reason: CancelReason, *, late: bool = False) -> Change:
    """Call an appointment off: before it starts, or after check-in until its end; ``late`` says how it is judged.

    Default: once the start has passed without check-in, not coming is a no-show, which must not be hidden by a late
    cancellation; a patient who is there may still have to be sent home.
    """
    change = _step(before, Action.CANCEL, now, reason=reason)
    limit = before.place.ends_at if before.status is Status.CHECKED_IN else before.place.starts_at
    if now >= limit:
        raise Conflict("It is too late to cancel; record what happened instead.", slug="too-late")
    return replace(change, after=replace(change.after, late_cancel=late))


def waive_late(before: Appointment, now: datetime, waiver: LateWaiver) -> Change:
    """Note why a late cancellation does not count; the cancellation and its reason stay."""
    if not before.late_cancel:
        raise Conflict("This appointment was not cancelled late.", slug="not-cancelled-late")
    change = _step(before, Action.WAIVE_LATE, now, reason=before.reason)
    return replace(change, after=replace(change.after, late_waived=str(waiver)))


def move(before: Appointment, now: datetime, place: Place, label: SecurityLabel = SecurityLabel.NORMAL) -> Change:
    """Stand the appointment elsewhere; its id stays. Both the former and the new start must be ahead."""
    change = _step(before, Action.MOVE, now)
    _not_begun(before.place, now, "The appointment has begun; it cannot be moved.")
    _not_begun(place, now, "The slot has begun or passed; search again.")
    return replace(change, after=replace(change.after, place=place, label=strictest((before.label, label))))


def check_in(before: Appointment, now: datetime) -> Change:
    """Note that the patient has arrived, on the day of the visit by the facility's calendar (Default).

    Around midnight the calendar alone would turn away who comes a little early, or late to a visit over midnight.
    """
    change = _step(before, Action.CHECK_IN, now)
    place = before.place
    about_now = place.starts_at - EARLY_ARRIVAL <= now < place.ends_at
    if place.local_day(now) != place.visit_day and not about_now:
        raise Conflict("Check-in is possible on the day of the visit only.", slug="not-the-day-of-the-visit")
    return change


def complete(before: Appointment, now: datetime) -> Change:
    """Note that the visit took place; it may have been early, so check-in is the only condition (Default)."""
    return _step(before, Action.COMPLETE, now)


def no_show(before: Appointment, now: datetime) -> Change:
    """Note that the patient did not come; only once the start has passed (Default)."""
    change = _step(before, Action.NO_SHOW, now)
    if now < before.place.starts_at:
        raise Conflict("A no-show can be recorded once the start has passed.", slug="too-early")
    return change


def reassign(before: Appointment, patient_id: str, now: datetime) -> Change:
    """Let it be the appointment of ``patient_id``, whose record replaced its patient's; whatever its status."""
    after = replace(before, patient_id=patient_id, version=before.version + 1, updated_at=now)
    return Change(Action.REASSIGN, before, after)


def _step(before: Appointment, action: Action, now: datetime, reason: str = "") -> Change:
    status = next_status(before.status, action)
    after = replace(
        before, status=status, version=before.version + 1, hold_expires_at=None, reason=reason, updated_at=now
    )
    return Change(action, before, after)


def _hold_ran_out(appointment: Appointment, now: datetime) -> bool:
    expires = appointment.hold_expires_at
    return appointment.status is Status.PENDING and expires is not None and now >= expires


def _not_begun(place: Place, now: datetime, detail: str) -> None:
    if now >= place.starts_at:
        raise Conflict(detail, slug="too-late")
