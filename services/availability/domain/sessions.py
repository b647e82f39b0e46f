"""Working time: sessions of the templates, less leave and closures."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import NamedTuple
from zoneinfo import ZoneInfo

from services.availability.domain.templates import Template
from services.availability.domain.wall_clock import session_bounds


class Period(NamedTuple):
    """[starts_at, ends_at): two instants with a zone, the first before the second."""

    starts_at: datetime
    ends_at: datetime

    def overlaps(self, other: "Period") -> bool:
        """Tell whether the two share an instant."""
        return self.starts_at < other.ends_at and other.starts_at < self.ends_at


@dataclass(frozen=True, slots=True)
class WorkingSession:
    """An uninterrupted stretch of a template's session on one day.

    ``anchor_at`` is when the whole session begins: the grid of possible starts hangs on it, so that leave in the
    morning does not shift the afternoon's slots. ``day`` is the facility-local date of ``anchor_at``'s session.
    ``layer`` is 0, or the depth of a part in which adaptive slotting allows more lanes than in the rest.
    """

    template: Template
    day: date
    anchor_at: datetime
    period: Period
    layer: int = 0


def subtract(period: Period, away: Iterable[Period]) -> Iterator[Period]:
    """Yield what is left of ``period`` without ``away``, in order of time."""
    start = period.starts_at
    for gone in sorted(other for other in away if other.overlaps(period)):
        if gone.starts_at > start:
            yield Period(start, gone.starts_at)
        start = max(start, gone.ends_at)
    if start < period.ends_at:
        yield Period(start, period.ends_at)


def expand(
    template: Template, zone: ZoneInfo, first: date, last: date, away: Sequence[Period] = ()
) -> Iterator[WorkingSession]:
    """Yield the working time of ``template`` in sessions that begin from ``first`` to ``last`` (local, inclusive)."""
    for day in template.days(first, last):
        starts_at, ends_at = session_bounds(zone, day, template.starts, template.ends)
        if starts_at < ends_at:
            for left in subtract(Period(starts_at, ends_at), away):
                yield WorkingSession(template, day, starts_at, left)
