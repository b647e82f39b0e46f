"""Quiet hours: no text and no call between 21:00 and 08:00 where the recipient is (47 CFR 64.1200(c)(1)).

The rule is written for solicitations; we keep it for every text and plan reminders of any channel by it.
"""

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

QUIET_FROM = time(21)
QUIET_UNTIL = time(8)


def is_quiet(at: datetime, zone: ZoneInfo) -> bool:
    """Tell whether ``at`` falls into quiet hours on the clocks of ``zone``: [21:00, 08:00)."""
    local = at.astimezone(zone).time()
    return local >= QUIET_FROM or local < QUIET_UNTIL


def next_allowed(at: datetime, zone: ZoneInfo) -> datetime:
    """Return ``at``, or the end (UTC) of the quiet hours it falls into."""
    if not is_quiet(at, zone):
        return at
    ends = morning(at, zone, days=0)
    return ends if ends > at else morning(at, zone, days=1)


def morning(at: datetime, zone: ZoneInfo, days: int) -> datetime:
    """Return when quiet hours end (UTC), ``days`` after the local date of ``at``."""
    # Wall-clock arithmetic: the morning is at 08:00 also on the days when clocks change.
    day = at.astimezone(zone).date() + timedelta(days=days)
    return datetime.combine(day, QUIET_UNTIL, zone).astimezone(UTC)


def due_outside(at: datetime, zone: ZoneInfo, before: datetime) -> datetime | None:
    """Return the first instant from ``at`` on outside quiet hours, None if it is not before ``before``, the visit."""
    allowed = next_allowed(at, zone)
    return allowed if allowed < before else None
