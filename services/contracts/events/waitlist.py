"""What waitlist tells: who waits where (without names), and what becomes of each offer of a freed slot."""

from collections.abc import Mapping
from typing import Any, ClassVar

from pydantic import AwareDatetime

from services.contracts.events.base import Event

_REQUEST: dict[str, Any] = {
    "request_id": "0197a000-0000-7000-8000-0000000000e1", "version": 1, "patient_id": "pat-000001",
    "specialty": "family-medicine", "visit_type": "family-medicine-follow-up",
}  # fmt: skip
_OFFER: dict[str, Any] = {
    "offer_id": "0197a000-0000-7000-8000-0000000000e2", "version": 1, "patient_id": "pat-000001",
    "request_id": "0197a000-0000-7000-8000-0000000000e1", "freed_id": "0197a000-0000-7000-8000-0000000000f1",
    "expires_at": "2027-01-03T16:00:00Z", "timezone": "America/New_York",
}  # fmt: skip


class DemandChanged(Event):
    """Somebody began, or the last one ended, to wait for ``specialty`` at ``facility_id``: booking keeps slots there.

    ``version`` grows with each change of the pair, so that the order of arrival does not matter.
    """

    TYPE: ClassVar[str] = "waitlist.demand-changed.v1"
    EXAMPLE: ClassVar[Mapping[str, Any]] = {
        "facility_id": "fac-0001", "specialty": "family-medicine", "waiting": True, "version": 1,
    }  # fmt: skip

    facility_id: str
    specialty: str
    waiting: bool
    version: int


class RequestEvent(Event):
    """A request as it now stands."""

    PHI: ClassVar[bool] = True

    request_id: str
    version: int
    patient_id: str
    specialty: str
    visit_type: str


class RequestJoined(RequestEvent):
    """A patient waits for an earlier visit."""

    TYPE: ClassVar[str] = "waitlist.request-joined.v1"
    EXAMPLE: ClassVar[Mapping[str, Any]] = {**_REQUEST}


class RequestWithdrawn(RequestEvent):
    """They wait no more."""

    TYPE: ClassVar[str] = "waitlist.request-withdrawn.v1"
    EXAMPLE: ClassVar[Mapping[str, Any]] = {**_REQUEST, "version": 2}


class RequestExpired(RequestEvent):
    """The last day they wished for has passed."""

    TYPE: ClassVar[str] = "waitlist.request-expired.v1"
    EXAMPLE: ClassVar[Mapping[str, Any]] = {**_REQUEST, "version": 2}


class OfferEvent(Event):
    """An offer; ``timezone`` is that of the place of the visit, ``version`` 1 while it is open and 2 when it ended."""

    PHI: ClassVar[bool] = True

    offer_id: str
    version: int
    patient_id: str
    request_id: str
    freed_id: str
    expires_at: AwareDatetime
    timezone: str


class OfferMade(OfferEvent):
    """A freed slot is kept for a patient until ``expires_at``."""

    TYPE: ClassVar[str] = "waitlist.offer-made.v1"
    EXAMPLE: ClassVar[Mapping[str, Any]] = {**_OFFER}


class OfferAccepted(OfferEvent):
    """The patient took it: booking has the appointment."""

    TYPE: ClassVar[str] = "waitlist.offer-accepted.v1"
    EXAMPLE: ClassVar[Mapping[str, Any]] = {**_OFFER, "version": 2}


class OfferDeclined(OfferEvent):
    """The patient does not want it, or waits no more; the next in line is asked."""

    TYPE: ClassVar[str] = "waitlist.offer-declined.v1"
    EXAMPLE: ClassVar[Mapping[str, Any]] = {**_OFFER, "version": 2}


class OfferExpired(OfferEvent):
    """Nobody answered in time, or the slot is gone; the next in line is asked."""

    TYPE: ClassVar[str] = "waitlist.offer-expired.v1"
    EXAMPLE: ClassVar[Mapping[str, Any]] = {**_OFFER, "version": 2}
