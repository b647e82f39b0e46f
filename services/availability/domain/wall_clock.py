"""Wall-clock times become instants: the one place that knows what happens when clocks change.

A template says "Monday 08:00 to 17:00" in the facility's zone. Twice a year that reading is missing or ambiguous.
The rules, chosen so that a later wall time never becomes an earlier instant (RFC 5545's rule for missing times,
shifting by the gap, would let a session end before it starts):

- a time skipped in spring is the instant at which the clock jumps;
- a time that occurs twice in autumn is its first occurrence (as RFC 5545 section 3.3.5).
"""

from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from services.kernel.errors import FieldError, Invalid

FIRST_DAY = date(2000, 1, 1)
LAST_DAY = date(2100, 12, 31)


def zone_of(name: str) -> ZoneInfo:
    """Return the IANA zone called ``name``; raise Invalid when there is none."""
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise Invalid("The time zone is not an IANA name.", errors=[FieldError("timezone", "unknown")]) from None


def instant_of(day: date, wall: time, zone: ZoneInfo) -> datetime:
    """Return the UTC instant at which the clocks of ``zone`` show ``wall`` on ``day``, by the module's rules."""
    naive = datetime.combine(day, wall.replace(fold=0))
    utc = naive.replace(tzinfo=zone).astimezone(UTC)
    if utc.astimezone(zone).replace(tzinfo=None) == naive:
        return utc
    return _jump(naive.replace(tzinfo=zone, fold=1).astimezone(UTC), utc, zone)


def _jump(before: datetime, after: datetime, zone: ZoneInfo) -> datetime:
    """Return the first instant after ``before``, at most ``after``, at which the zone has its new offset."""
    old = before.astimezone(zone).utcoffset()
    low, high = int(before.timestamp()), int(after.timestamp())
    while high - low > 1:
        middle = (low + high) // 2
        if datetime.fromtimestamp(middle, zone).utcoffset() == old:
            low = middle
        else:
            high = middle
    return datetime.fromtimestamp(high, UTC)


def day_bounds(day: date, zone: ZoneInfo) -> tuple[datetime, datetime]:
    """Return the first instant of ``day`` and of the day after: 23 to 25 hours apart."""
    return instant_of(day, time(0), zone), instant_of(day + timedelta(days=1), time(0), zone)


@lru_cache(maxsize=65536)
def session_bounds(zone: ZoneInfo, day: date, starts: time, ends: time) -> tuple[datetime, datetime]:
    """Return the instants between which a session that begins on ``day`` runs; equal when the clock skips all of it.

    ``ends`` at or before ``starts`` is a time of the next day. Cached: thousands of clinicians share the same hours.
    """
    end_day = day if ends > starts else day + timedelta(days=1)
    return instant_of(day, starts, zone), instant_of(end_day, ends, zone)
