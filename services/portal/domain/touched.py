"""Which booked appointments a change of a schedule would touch: told before the change is made, never after."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from services.kernel.errors import FieldError, Invalid

LONGEST_ABSENCE = 31
LOOK_AHEAD = 28
LIVE = frozenset({"pending", "booked", "checked-in"})
WEEK = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
Appointment = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Sessions:
    """Weekly working time at one facility, by its wall clock; ``ends`` at or before ``starts`` is the next day."""

    facility_id: str
    weekdays: frozenset[str]
    starts: time
    ends: time
    valid_from: date
    valid_until: date | None
    interval_weeks: int = 1

    @classmethod
    def of(cls, template: Mapping[str, Any]) -> "Sessions":
        """Return the sessions of a template as availability tells it."""
        until = template["valid_until"]
        return cls(
            facility_id=template["facility_id"],
            weekdays=frozenset(template["weekdays"]),
            starts=time.fromisoformat(template["starts"]),
            ends=time.fromisoformat(template["ends"]),
            valid_from=date.fromisoformat(template["valid_from"]),
            valid_until=date.fromisoformat(until) if until else None,
            interval_weeks=int(template["interval_weeks"]),
        )

    def hold(self, starts: datetime, ends: datetime) -> bool:
        """Tell whether a visit (local instants) lies inside one session."""
        return any(self._session_holds(starts.date() - timedelta(days=back), starts, ends) for back in (0, 1))

    def _session_holds(self, day: date, starts: datetime, ends: datetime) -> bool:
        if WEEK[day.weekday()] not in self.weekdays or not self._runs(day):
            return False
        opens = datetime.combine(day, self.starts, starts.tzinfo)
        last = day if self.ends > self.starts else day + timedelta(days=1)
        return opens <= starts and ends <= datetime.combine(last, self.ends, starts.tzinfo)

    def _runs(self, day: date) -> bool:
        if day < self.valid_from or (self.valid_until is not None and day > self.valid_until):
            return False
        monday = self.valid_from - timedelta(days=self.valid_from.weekday())
        return (day - monday).days // 7 % self.interval_weeks == 0


def days_of(first: date, last: date) -> tuple[date, ...]:
    """Return the days from ``first`` to ``last``, both included; raise Invalid for none or too many."""
    count = (last - first).days + 1
    if count < 1:
        raise Invalid("The last day lies before the first.", errors=[FieldError("last_day", "before the first day")])
    if count > LONGEST_ABSENCE:
        told = f"at most {LONGEST_ABSENCE} days at once"
        raise Invalid(f"Choose {told}.", errors=[FieldError("last_day", told)])
    return tuple(first + timedelta(days=number) for number in range(count))


def live(appointments: Iterable[Appointment], clinician_id: str = "") -> list[Appointment]:
    """Return the appointments that still stand, of one clinician or of all, by start."""
    standing = [
        a for a in appointments if a["status"] in LIVE and (not clinician_id or a["clinician_id"] == clinician_id)
    ]
    return sorted(standing, key=lambda a: str(a["starts_at"]))


def outside(appointments: Iterable[Appointment], sessions: Iterable[Sessions]) -> list[Appointment]:
    """Return the appointments that no session would hold any more."""
    kept = tuple(sessions)
    return [a for a in appointments if not _held(a, kept)]


def _held(appointment: Appointment, sessions: tuple[Sessions, ...]) -> bool:
    zone = ZoneInfo(appointment["timezone"])
    starts, ends = (
        datetime.fromisoformat(str(appointment[name])).astimezone(zone) for name in ("starts_at", "ends_at")
    )
    return any(s.facility_id == appointment["facility_id"] and s.hold(starts, ends) for s in sessions)
