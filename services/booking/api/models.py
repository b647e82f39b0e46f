"""What goes over the wire, with the bounds that keep odd input out."""

import re
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Annotated, Any
from uuid import UUID

from pydantic import AfterValidator, AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field

from services.booking.domain.feed import Cursor
from services.booking.domain.lifecycle import Status
from services.booking.domain.reasons import CancelReason, LateWaiver
from services.booking.usecases.reading import Page, Position, Seen
from services.booking.usecases.telling import told, told_busy
from services.kernel.http import Problem

ID = r"^[A-Za-z0-9][A-Za-z0-9._:-]{0,63}$"
OFFER = r"^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+$"
CURSOR = r"^[0-9]{1,19}-[0-9]{1,18}$"
POSITION = r"^[0-9]{1,17}-[0-9a-f]{32}$"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def _utc(at: datetime) -> datetime:
    try:
        return at.astimezone(UTC)
    except OverflowError:
        raise ValueError("the instant lies outside the years 1 to 9999 in UTC") from None


def _as_written(text: object) -> str:
    # Left to itself, pydantic reads a bare number as seconds since 1970.
    if not isinstance(text, str) or not re.match(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", text):
        raise ValueError("must begin with year, month and day, such as 2027-01-31")
    return text


Instant = Annotated[AwareDatetime, BeforeValidator(_as_written), AfterValidator(_utc)]
Day = Annotated[date, BeforeValidator(_as_written)]


class Body(BaseModel):
    """A request body; what it does not know, it refuses."""

    model_config = ConfigDict(extra="forbid")


class OfferBody(Body):
    """A signed slot offer, as availability's search returned it."""

    offer: str = Field(pattern=OFFER, max_length=8192, description="the token of the slot offer")


# What a visit type is labelled stays; this only makes stricter (45 CFR 164.522(a): a patient may ask for it).
CONFIDENTIAL = Field(default=False, description="keep the visit confidential, whatever its type: label R at least")


class BookBody(OfferBody):
    """For whom the offered slot is to be booked."""

    patient_id: str = Field(pattern=ID)
    confidential: bool = CONFIDENTIAL
    freed_id: UUID | None = Field(
        default=None, description="the freed slot that waitlist's offer is of; then only its patient may book it"
    )


class HoldBody(OfferBody):
    """For whom the offered slot is to be held, and how long if not as usual."""

    patient_id: str = Field(pattern=ID)
    confidential: bool = CONFIDENTIAL
    hold_seconds: int | None = Field(default=None, ge=10, le=3600)


class CancelBody(Body):
    """Why, as FHIR R4 codes it (appointment-cancellation-reason); free text ends up holding health information."""

    reason: CancelReason


class WaiveBody(Body):
    """Why a late cancellation is not held against the patient."""

    reason: LateWaiver


class AppointmentView(BaseModel):
    """An appointment, or a hold (status ``pending``), as it stands."""

    id: UUID
    status: Status
    version: int
    patient_id: str
    clinician_id: str
    facility_id: str
    specialty: str
    visit_type: str
    slot_id: str
    starts_at: datetime
    ends_at: datetime
    timezone: str
    lane: int = Field(description="0, or the overbooking lane")
    interpreter: str = Field(default="", description="the language an interpreter is booked for, else empty")
    reason: str = Field(description="why it was cancelled or released, else empty")
    hold_expires_at: datetime | None
    created_at: datetime | None
    updated_at: datetime | None
    series_id: UUID | None = Field(default=None, description="the series it was booked with")
    late_cancel: bool = Field(default=False, description="whether it was cancelled late")
    late_waived: str = Field(default="", description="why a late cancellation does not count, else empty")
    security_label: str = Field(default="N", description="who may know of it: N, R or ETH; empty when busy")
    busy: bool = Field(default=False, description="only the time and the clinician are told, everything else is empty")


class AppointmentList(BaseModel):
    """Appointments by start; pass ``next`` as ``after`` for the following page."""

    appointments: list[AppointmentView]
    next: str | None


class HistoryEntry(BaseModel):
    """One change: what was done, by whom, and where the appointment then stood."""

    version: int
    action: str
    from_status: str
    to_status: str
    reason: str
    at: datetime
    actor_subject: str
    actor_roles: list[str]
    clinician_id: str
    facility_id: str
    starts_at: datetime
    ends_at: datetime
    late: bool = Field(description="whether this cancelled it late")


class BookedVisits(BaseModel):
    """How many visits of one kind are booked from now on, by facility; facilities without any are left out."""

    facilities: dict[str, int]


class History(BaseModel):
    """Every change of an appointment, oldest first."""

    entries: list[HistoryEntry]


class ChangeView(BaseModel):
    """A change as its event told it; ``type`` and ``data`` are those of the event."""

    cursor: str
    action: str
    at: datetime
    type: str
    data: dict[str, Any]


class Changes(BaseModel):
    """Changes in the order they became visible. Pass ``cursor`` as ``after``; ``more`` says not to wait."""

    changes: list[ChangeView]
    cursor: str
    more: bool


class ConflictProblem(Problem):
    """A 409; when a slot was lost, with the nearest open slots as availability's search shows them."""

    alternatives: list[dict[str, Any]] | None = None
    alternatives_status: str | None = Field(default=None, description="ok, or unavailable when search was out")


class StaleProblem(Problem):
    """A 412, with the current ETag."""

    current_etag: str | None = None


def list_of(page: Page) -> AppointmentList:
    """Return a page as the API shows it."""
    views = [view_of(seen) for seen in page.items]
    return AppointmentList(appointments=views, next=position_text(page.next) if page.next else None)


def view_of(seen: Seen) -> AppointmentView:
    """Return what the reader may see as the API shows it."""
    return AppointmentView.model_validate(told_busy(seen.appointment) if seen.busy else told(seen.appointment))


def shown(body: Mapping[str, Any]) -> dict[str, Any]:
    """Return an answer in the order of ``AppointmentView``: the database keeps members in an order of its own."""
    try:
        return {name: body[name] for name in AppointmentView.model_fields}
    except KeyError:  # kept by a release that knew fewer
        return AppointmentView.model_validate(body).model_dump(mode="json")


def position_of(text: str | None) -> Position | None:
    """Read what ``list_of`` gave as ``next``."""
    if text is None:
        return None
    micros, _, id_ = text.partition("-")
    return _EPOCH + timedelta(microseconds=int(micros)), UUID(hex=id_)


def cursor_of(text: str | None) -> Cursor | None:
    """Read a cursor; None for a missing one or one of another making."""
    if text is None or not re.fullmatch(CURSOR, text):
        return None
    transaction, _, row = text.partition("-")
    return Cursor(int(transaction), int(row))


def position_text(position: Position) -> str:
    """Return what ``position_of`` reads."""
    at, id_ = position
    return f"{max(0, (at - _EPOCH) // timedelta(microseconds=1))}-{id_.hex}"
