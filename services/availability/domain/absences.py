"""Leave and closures: when a clinician is away, when a facility is closed."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from uuid import UUID

from services.availability.domain.sessions import Period
from services.availability.domain.wall_clock import FIRST_DAY, LAST_DAY, day_bounds, zone_of
from services.kernel.errors import FieldError, Invalid

LONGEST = timedelta(days=731)


@dataclass(frozen=True, slots=True)
class Leave:
    """A clinician is away, wherever they work."""

    leave_id: UUID
    clinician_id: str
    period: Period


@dataclass(frozen=True, slots=True)
class Closure:
    """A facility is closed for everyone."""

    closure_id: UUID
    facility_id: str
    period: Period


def period_between(starts_at: datetime, ends_at: datetime) -> Period:
    """Return the period between two instants; raise Invalid when it is empty, too long, or of another century."""
    if not starts_at < ends_at:
        raise Invalid("The end must come after the start.", errors=[FieldError("ends_at", "must come after starts_at")])
    if ends_at - starts_at > LONGEST:
        raise Invalid(f"An absence lasts {LONGEST.days} days at most; record it in parts.")
    if starts_at.date() < FIRST_DAY or ends_at.date() > LAST_DAY:
        raise Invalid(f"Absences lie between {FIRST_DAY} and {LAST_DAY}.")
    return Period(starts_at, ends_at)


def period_of_days(first: date, last: date, zones: Iterable[str]) -> Period:
    """Return the period that covers the local days ``first`` to ``last`` (inclusive) in every one of ``zones``.

    A clinician away on Monday is away for Monday's sessions at each facility, also where Monday begins later.
    """
    names = sorted(set(zones))
    if not names:
        raise Invalid("No facility is known here whose days these would be; give starts_at and ends_at instead.")
    if not FIRST_DAY <= first <= last < LAST_DAY:
        raise Invalid(f"Days run from the first to the last, between {FIRST_DAY} and {LAST_DAY}.")
    bounds = [(day_bounds(first, zone_of(name))[0], day_bounds(last, zone_of(name))[1]) for name in names]
    return period_between(min(start for start, _ in bounds), max(end for _, end in bounds))
