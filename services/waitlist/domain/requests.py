"""What a patient waits for: the request, its wishes, and which slots they allow."""

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from enum import StrEnum
from uuid import UUID
from zoneinfo import ZoneInfo

from services.contracts.slot_offer import SlotOffer


class Status(StrEnum):
    """Where a request stands; the last three are ends."""

    WAITING = "waiting"
    OFFERED = "offered"
    ACCEPTED = "accepted"
    WITHDRAWN = "withdrawn"
    EXPIRED = "expired"


LIVE = frozenset({Status.WAITING, Status.OFFERED})


class Priority(StrEnum):
    """The clinical priority of the referral: FHIR R4 ServiceRequest.priority. ``stat`` does not wait on a list."""

    ROUTINE = "routine"
    URGENT = "urgent"
    ASAP = "asap"


@dataclass(frozen=True, slots=True)
class TimeWindow:
    """A part of the day by the facility's clocks; ``ends`` is exclusive and later than ``starts``."""

    starts: time
    ends: time


@dataclass(frozen=True, slots=True)
class Wishes:
    """What a slot must be like. Empty sets and None mean "any"; ``facilities`` is never empty.

    ``weekdays`` are ISO weekdays (1 Monday to 7 Sunday), dates and windows the facility's own; ``notice`` is what the
    patient needs from the offer's end to the visit; ``minutes`` the least length; ``interpreter`` the language in which
    somebody must interpret, "" for nobody.
    """

    facilities: frozenset[str]
    clinicians: frozenset[str] = frozenset()
    weekdays: frozenset[int] = frozenset()
    windows: tuple[TimeWindow, ...] = ()
    earliest: date | None = None
    latest: date | None = None
    notice: timedelta = timedelta(0)
    minutes: int = 0
    interpreter: str = ""


@dataclass(frozen=True, slots=True)
class Request:
    """A patient's wish for an earlier visit. ``lapses`` counts offers they let run out unanswered."""

    id: UUID
    patient_id: str
    specialty: str
    visit_type: str
    wishes: Wishes
    priority: Priority
    status: Status
    version: int
    joined_at: datetime
    lapses: int = 0


def allows(request: Request, slot: SlotOffer, now: datetime) -> bool:
    """Tell whether the request may be offered ``slot`` at ``now``: every wish is a condition."""
    wishes = request.wishes
    local = slot.starts_at.astimezone(ZoneInfo(slot.timezone))
    day = local.date()
    ends = slot.ends_at.astimezone(ZoneInfo(slot.timezone))
    return (
        (request.specialty, request.visit_type) == (slot.specialty, slot.visit_type)
        and slot.facility_id in wishes.facilities
        and slot.minutes >= wishes.minutes
        and wishes.interpreter in {"", slot.interpreted}
        and (not wishes.clinicians or slot.clinician_id in wishes.clinicians)
        and (not wishes.weekdays or local.isoweekday() in wishes.weekdays)
        and (wishes.earliest is None or day >= wishes.earliest)
        and (wishes.latest is None or day <= wishes.latest)
        and (not wishes.windows or any(_inside(local, ends, window) for window in wishes.windows))
        and slot.starts_at - now >= wishes.notice
    )


def as_needed(request: Request, slot: SlotOffer) -> SlotOffer:
    """Return the slot as the request is offered it: without the interpreter whom the patient does not need."""
    if request.wishes.interpreter:
        return slot
    return slot.model_copy(update={"resources": tuple(one for one in slot.resources if one.kind != "interpreter")})


def _inside(starts: datetime, ends: datetime, window: TimeWindow) -> bool:
    same_day = ends.date() == starts.date()
    return window.starts <= starts.time() and same_day and ends.time() <= window.ends
