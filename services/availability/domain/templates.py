"""Weekly templates: what a clinician's ordinary weeks look like at one facility."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, time, timedelta
from enum import StrEnum
from functools import cache

import holidays

from services.availability.domain.wall_clock import FIRST_DAY, LAST_DAY
from services.kernel.errors import FieldError, Invalid

MAX_DEPTH = 8
MAX_INTERVAL_WEEKS = 52


class Weekday(StrEnum):
    """FHIR's days-of-week codes, Monday first as in ISO 8601."""

    MON = "mon"
    TUE = "tue"
    WED = "wed"
    THU = "thu"
    FRI = "fri"
    SAT = "sat"
    SUN = "sun"


WEEK = tuple(Weekday)


@dataclass(frozen=True, slots=True)
class Template:
    """Sessions from ``starts`` to ``ends`` (facility's wall clock) on ``weekdays`` of every ``interval_weeks``-th week.

    Weeks begin on Monday and are counted from the one ``valid_from`` lies in (RFC 5545 INTERVAL with WKST=MO).
    ``ends`` at or before ``starts`` means the next day. Visits may begin every ``grid_minutes`` after the session's
    start. ``visit_types`` empty: all of the clinician's specialty. ``depth``: appointments that may overlap.
    ``valid_until`` is the last day, None for no end. ``adaptive``: grid, depth and a reserve for the same day follow
    the rules of domain.slotting, ``depth`` being the most they may allow.
    """

    template_id: str
    clinician_id: str
    facility_id: str
    room_id: str
    weekdays: frozenset[Weekday]
    starts: time
    ends: time
    valid_from: date
    valid_until: date | None = None
    interval_weeks: int = 1
    grid_minutes: int = 20
    visit_types: frozenset[str] = frozenset()
    depth: int = 1
    observes_holidays: bool = True
    adaptive: bool = False

    def __post_init__(self) -> None:
        wrong = [FieldError(where, what) for where, what, fine in self._rules() if not fine]
        if wrong:
            raise Invalid("The schedule template breaks a rule.", errors=wrong)

    def _rules(self) -> Iterator[tuple[str, str, bool]]:
        last = self.valid_until or LAST_DAY
        yield "weekdays", "name at least one day", bool(self.weekdays)
        yield "valid_from", f"must lie between {FIRST_DAY} and {LAST_DAY}", FIRST_DAY <= self.valid_from <= LAST_DAY
        yield "valid_until", f"must lie between valid_from and {LAST_DAY}", self.valid_from <= last <= LAST_DAY
        yield "interval_weeks", f"must be 1 to {MAX_INTERVAL_WEEKS}", 1 <= self.interval_weeks <= MAX_INTERVAL_WEEKS
        yield "grid_minutes", "must be 5 to 240", 5 <= self.grid_minutes <= 240
        yield "depth", f"must be 1 to {MAX_DEPTH}", 1 <= self.depth <= MAX_DEPTH
        yield "starts", "is a wall-clock time without zone", self.starts.tzinfo is None
        yield "ends", "is a wall-clock time without zone", self.ends.tzinfo is None

    def falls_on(self, day: date) -> bool:
        """Tell whether a session begins on ``day``, holidays apart."""
        if day < self.valid_from or (self.valid_until is not None and day > self.valid_until):
            return False
        if WEEK[day.weekday()] not in self.weekdays:
            return False
        weeks = (_monday(day) - _monday(self.valid_from)).days // 7
        return weeks % self.interval_weeks == 0

    def days(self, first: date, last: date) -> Iterator[date]:
        """Yield the days from ``first`` to ``last``, both included, on which a session begins."""
        day = max(first, self.valid_from)
        while day <= last:
            if self.falls_on(day) and not (self.observes_holidays and is_federal_holiday(day)):
                yield day
            day += timedelta(days=1)


def _monday(day: date) -> date:
    return day - timedelta(days=day.weekday())


@cache
def _federal_holidays(year: int) -> frozenset[date]:
    return frozenset(holidays.country_holidays("US", years=year))


def is_federal_holiday(day: date) -> bool:
    """Tell whether ``day`` is a US federal holiday (5 U.S.C. 6103) or the weekday it is observed on.

    Holidays of single states are left out: outpatient clinics work on most of them; a closure says when one does not.
    """
    return day in _federal_holidays(day.year)
