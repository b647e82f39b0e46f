"""Open starts: the definition of "bookable" that every search, in SQL or in memory, has to agree with."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from services.availability.domain.sessions import Period, WorkingSession


@dataclass(frozen=True, slots=True)
class Occupied:
    """A live appointment: its time and the overbooking lane booking gave it."""

    period: Period
    lane: int = 0


def open_starts(
    session: WorkingSession,
    minutes: int,
    window: Period,
    by_clinician: Sequence[Occupied] = (),
    in_room: Sequence[Occupied] = (),
) -> Iterator[datetime]:
    """Yield the instants in ``window`` at which a visit of ``minutes`` can begin in ``session``.

    On the grid; the visit fits; some lane below the template's depth is free of the clinician's appointments
    throughout, which is the rule booking claims by; and fewer than depth appointments stand in the room.
    """
    grid = timedelta(minutes=session.template.grid_minutes)
    length = timedelta(minutes=minutes)
    earliest = max(session.period.starts_at, window.starts_at)
    start = session.anchor_at + grid * -((session.anchor_at - earliest) // grid)
    while start < window.ends_at and start + length <= session.period.ends_at:
        visit = Period(start, start + length)
        if _lane_free(visit, session.template.depth, by_clinician) and _room_free(
            visit, session.template.depth, in_room
        ):
            yield start
        start += grid


def _lane_free(visit: Period, depth: int, occupied: Sequence[Occupied]) -> bool:
    taken = {other.lane for other in occupied if other.period.overlaps(visit)}
    return any(lane not in taken for lane in range(depth))


def _room_free(visit: Period, depth: int, occupied: Sequence[Occupied]) -> bool:
    return sum(other.period.overlaps(visit) for other in occupied) < depth
