"""What goes over the wire, with the bounds that keep odd input out."""

from datetime import UTC, date, datetime, time, timedelta
from typing import Annotated
from uuid import UUID

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, model_validator

from services.waitlist.domain.offers import Offer, OfferState
from services.waitlist.domain.requests import Priority, Request, Status, TimeWindow, Wishes
from services.waitlist.usecases.joining import Near, Standing

ID = r"^[A-Za-z0-9][A-Za-z0-9._:-]{0,63}$"
LANGUAGE = r"^$|^[a-z]{2,3}(-[A-Za-z0-9]{2,8}){0,2}$"
FIRST_DAY, LAST_DAY = date(2000, 1, 1), date(2200, 1, 1)
Identifier = Annotated[str, StringConstraints(pattern=ID)]
Code = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]{0,63}$")]
WallTime = Annotated[str, StringConstraints(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$")]
# What is not filled in before the list assigns it.
UNSET = UUID(int=0)


def _in_range(day: date) -> date:
    if not FIRST_DAY < day < LAST_DAY:
        raise ValueError(f"must lie between {FIRST_DAY} and {LAST_DAY}")
    return day


Day = Annotated[date, AfterValidator(_in_range)]


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class WindowBody(_Body):
    """A part of the day by the facility's clocks."""

    starts: WallTime
    ends: WallTime

    @model_validator(mode="after")
    def _forward(self) -> "WindowBody":
        if self.ends <= self.starts:
            raise ValueError("a window ends after it starts")
        return self


class NearBody(_Body):
    """Facilities around a ZIP code."""

    zip_code: str = Field(pattern=r"^[0-9]{5}$")
    distance_km: float = Field(gt=0, le=200)


class JoinBody(_Body):
    """What is waited for. Name facilities, or a ZIP code and a distance; everything else narrows it down."""

    patient_id: Identifier
    specialty: Code
    visit_type: Code
    facilities: tuple[Identifier, ...] = Field(default=(), max_length=20)
    near: NearBody | None = None
    clinicians: tuple[Identifier, ...] = Field(default=(), max_length=20)
    weekdays: tuple[Annotated[int, Field(ge=1, le=7)], ...] = Field(
        default=(), max_length=7, description="ISO weekdays: 1 Monday to 7 Sunday, by the facility's calendar"
    )
    windows: tuple[WindowBody, ...] = Field(default=(), max_length=7)
    earliest: Day | None = None
    latest: Day | None = None
    notice_minutes: int = Field(default=0, ge=0, le=20160, description="least time from an offer to the visit")
    minutes: int = Field(default=0, ge=0, le=480, description="least length of the visit; 0: as is usual")
    interpreter: str = Field(
        default="", pattern=LANGUAGE, max_length=12, description="a language to be interpreted; empty: none is needed"
    )

    @model_validator(mode="after")
    def _consistent(self) -> "JoinBody":
        if bool(self.facilities) == (self.near is not None):
            raise ValueError("give either 'facilities' or 'near'")
        if self.earliest and self.latest and self.latest < self.earliest:
            raise ValueError("'latest' must not lie before 'earliest'")
        return self

    def wanted(self) -> tuple[Request, Near | None]:
        """Return the request as the list takes it; who joins is routine until staff say otherwise."""
        wishes = Wishes(
            frozenset(self.facilities), frozenset(self.clinicians), frozenset(self.weekdays),
            tuple(TimeWindow(time.fromisoformat(w.starts), time.fromisoformat(w.ends)) for w in self.windows),
            self.earliest, self.latest, timedelta(minutes=self.notice_minutes), self.minutes,
            self.interpreter,
        )  # fmt: skip
        request = Request(
            UNSET, self.patient_id, self.specialty, self.visit_type, wishes, Priority.ROUTINE, Status.WAITING, 1,
            datetime.now(UTC),
        )  # fmt: skip
        return request, Near(self.near.zip_code, self.near.distance_km) if self.near else None


class PriorityBody(_Body):
    """The referral's priority code (FHIR R4 ServiceRequest.priority)."""

    referral_priority: Priority


class RequestView(BaseModel):
    """A request as it stands. Without ``consent`` to offers it is kept, but no slot is offered."""

    id: UUID
    status: Status
    version: int
    patient_id: str
    specialty: str
    visit_type: str
    facilities: list[str]
    clinicians: list[str]
    weekdays: list[int]
    windows: list[WindowBody]
    earliest: date | None
    latest: date | None
    notice_minutes: int
    minutes: int
    interpreter: str
    priority: Priority
    joined_at: datetime
    consent: bool
    offer_id: UUID | None = Field(description="the offer that is out now")


class RequestList(BaseModel):
    """A patient's requests, the newest first; at most fifty."""

    requests: list[RequestView]


class FacilityList(BaseModel):
    """Those who wait at a facility, who is next first; ``next`` is where the following page begins, "" on the last."""

    requests: list[RequestView]
    next: str


class OfferView(BaseModel):
    """An offer: the visit it is of, and until when it can be accepted."""

    id: UUID
    state: OfferState
    request_id: UUID
    patient_id: str
    clinician_id: str
    facility_id: str
    specialty: str
    visit_type: str
    starts_at: datetime
    ends_at: datetime
    timezone: str
    expires_at: datetime
    appointment_id: str = Field(description="the visit, once accepted")


POSITION = r"^[0-9]{1,16}_[0-9a-f]{32}$"


def position_of(text: str) -> tuple[datetime, UUID] | None:
    """Return what ``next_of`` was given; None for ""."""
    if not text:
        return None
    micros, _, id_ = text.partition("_")
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=int(micros)), UUID(id_)


def next_of(position: tuple[datetime, UUID] | None) -> str:
    """Return where a list goes on as clients hold it."""
    if position is None:
        return ""
    return f"{(position[0] - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)}_{position[1].hex}"


def view_of(standing: Standing) -> RequestView:
    """Return a request as the API shows it."""
    request, wishes = standing.request, standing.request.wishes
    return RequestView(
        id=request.id, status=request.status, version=request.version, patient_id=request.patient_id,
        specialty=request.specialty, visit_type=request.visit_type, facilities=sorted(wishes.facilities),
        clinicians=sorted(wishes.clinicians), weekdays=sorted(wishes.weekdays),
        windows=[WindowBody(starts=f"{w.starts:%H:%M}", ends=f"{w.ends:%H:%M}") for w in wishes.windows],
        earliest=wishes.earliest, latest=wishes.latest, notice_minutes=int(wishes.notice.total_seconds() // 60),
        minutes=wishes.minutes, interpreter=wishes.interpreter, priority=request.priority, joined_at=request.joined_at,
        consent=standing.consent,
        offer_id=standing.offer_id,
    )  # fmt: skip


def offer_view(offer: Offer) -> OfferView:
    """Return an offer as the API shows it."""
    slot = offer.slot
    return OfferView(
        id=offer.id, state=offer.state, request_id=offer.request_id, patient_id=offer.patient_id,
        clinician_id=slot.clinician_id, facility_id=slot.facility_id, specialty=slot.specialty,
        visit_type=slot.visit_type, starts_at=slot.starts_at, ends_at=slot.ends_at, timezone=slot.timezone,
        expires_at=offer.expires_at, appointment_id=offer.appointment_id,
    )  # fmt: skip
