"""Interpreters: when and where each can be had, and which of them a slot is offered with."""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from services.availability.domain.sessions import Period, subtract
from services.availability.domain.slots import OpenSlot
from services.availability.domain.templates import WEEK
from services.availability.domain.wall_clock import session_bounds, zone_of


@dataclass(frozen=True, slots=True)
class Interpreter:
    """As the directory tells them: ``facility_ids`` empty means every facility, which only ``remote`` ones serve.

    ``starts`` and ``ends`` are on the clocks of ``timezone``; ``ends`` at or before ``starts`` means the next day.
    """

    interpreter_id: str
    version: int
    name: str
    languages: tuple[str, ...]
    facility_ids: tuple[str, ...]
    remote: bool
    timezone: str
    weekdays: tuple[str, ...]
    starts: time
    ends: time
    days_off: tuple[date, ...]
    active: bool = True

    def serves(self, facility_id: str) -> bool:
        """Tell whether they interpret at the facility."""
        return not self.facility_ids or facility_id in self.facility_ids

    def working(self, window: Period) -> Iterator[Period]:
        """Yield when they work within ``window``, in order of time."""
        zone = zone_of(self.timezone)
        day = window.starts_at.astimezone(zone).date() - timedelta(days=1)
        while day <= window.ends_at.astimezone(zone).date():
            if WEEK[day.weekday()] in self.weekdays and day not in self.days_off:
                starts_at, ends_at = session_bounds(zone, day, self.starts, self.ends)
                within = Period(max(starts_at, window.starts_at), min(ends_at, window.ends_at))
                if within.starts_at < within.ends_at:
                    yield within
            day += timedelta(days=1)


@dataclass(frozen=True, slots=True)
class FreeTime:
    """An interpreter and when nobody has them."""

    interpreter: Interpreter
    periods: tuple[Period, ...]

    def covers(self, slot: OpenSlot) -> bool:
        """Tell whether they can be there for the whole slot."""
        return self.interpreter.serves(slot.facility_id) and any(
            period.starts_at <= slot.starts_at and slot.ends_at <= period.ends_at for period in self.periods
        )


def free_time(interpreter: Interpreter, window: Period, busy: Iterable[Period]) -> FreeTime:
    """Return when the interpreter works within ``window`` and is not busy; sessions that touch are one time."""
    taken = list(busy)
    left = (part for working in joined(interpreter.working(window)) for part in subtract(working, taken))
    return FreeTime(interpreter, tuple(left))


def joined(periods: Iterable[Period]) -> Sequence[Period]:
    """Return the union of ``periods`` as few of them, in order of time."""
    found: list[Period] = []
    for period in sorted(periods):
        if found and period.starts_at <= found[-1].ends_at:
            found[-1] = Period(found[-1].starts_at, max(found[-1].ends_at, period.ends_at))
        else:
            found.append(period)
    return found


def choose(slot: OpenSlot, free: Iterable[FreeTime]) -> Interpreter | None:
    """Return who is offered with the slot, None when nobody can be there.

    Someone in the room before someone on a screen. Among equals every slot has its own order (rendezvous hashing), so
    that people who choose different slots of one moment rarely want the same interpreter.
    """
    fitting = [one.interpreter for one in free if one.covers(slot)]
    return min(fitting, key=lambda one: (one.remote, _turn(slot.slot_id, one.interpreter_id)), default=None)


def _turn(slot_id: str, interpreter_id: str) -> bytes:
    return hashlib.blake2b(f"{slot_id}\x1f{interpreter_id}".encode(), digest_size=8).digest()


def window_around(starts_at: datetime, ends_at: datetime, longest: timedelta) -> Period:
    """Return the time in which visits that begin in [starts_at, ends_at) take place."""
    return Period(starts_at.astimezone(UTC), ends_at.astimezone(UTC) + longest)
