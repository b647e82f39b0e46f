"""Where care is given and when: what anybody may know. Nothing here has a person's name, patient's or clinician's."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from zoneinfo import ZoneInfo

KM_A_MILE = 1.609344


@dataclass(frozen=True, slots=True)
class Facility:
    """A hospital or outpatient centre; ``distance_km`` from where somebody looked, None when nobody did."""

    facility_id: str
    name: str
    kind: str
    address: str
    city: str
    state: str
    zip_code: str
    latitude: float
    longitude: float
    timezone: str
    phone: str
    distance_km: float | None = None

    @property
    def distance_miles(self) -> int | None:
        """The distance in whole miles."""
        return None if self.distance_km is None else round(self.distance_km / KM_A_MILE)

    def local(self, at: datetime) -> datetime:
        """Return an instant on the facility's wall clock."""
        return at.astimezone(ZoneInfo(self.timezone))


@dataclass(frozen=True, slots=True)
class VisitType:
    """A kind of visit of a specialty, and its usual length."""

    code: str
    name: str
    specialty: str
    specialty_name: str
    minutes: int


@dataclass(frozen=True, slots=True)
class OpenTime:
    """An open start of a kind of visit; at least ``places`` people can have it."""

    visit_type: str
    starts_at: datetime
    ends_at: datetime
    places: int


def usual(visit_types: Iterable[VisitType]) -> dict[str, VisitType]:
    """Return each specialty's usual visit by the specialty's code: the shortest, the first by code among equals."""
    found: dict[str, VisitType] = {}
    for kind in sorted(visit_types, key=lambda kind: (kind.minutes, kind.code)):
        found.setdefault(kind.specialty, kind)
    return found


def wanted(times: Iterable[OpenTime], facility: Facility, visit_type: str, day: date | None) -> Sequence[OpenTime]:
    """Return the times of a kind of visit by start, on one of the facility's own days or on all of them."""
    of_kind = sorted((time for time in times if time.visit_type == visit_type), key=lambda time: time.starts_at)
    return [time for time in of_kind if day is None or facility.local(time.starts_at).date() == day]
