"""Time as search in memory counts it: whole seconds from the index's first midnight (UTC), in days and cells.

Appointments and sessions lie on whole seconds; what does not is widened or narrowed to them by whoever reads it.
Candidates begin and end on whole seconds, so that widening an occupied time to the second changes no answer.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time

DAY = 86_400
CELL = 300
CELLS_A_DAY = DAY // CELL


class Outgrown(Exception):
    """Something lies after the last day of the index: it has to be built anew, for other days."""


@dataclass(frozen=True, slots=True)
class Axis:
    """``days`` days from ``base``, a midnight in Unix seconds."""

    base: int
    days: int

    @classmethod
    def over(cls, first: date, days: int) -> "Axis":
        """Return the axis of ``days`` days from ``first``."""
        return cls(int(datetime.combine(first, time(0), UTC).timestamp()), days)

    @property
    def seconds(self) -> int:
        """Length in seconds."""
        return self.days * DAY

    def floor(self, at: datetime) -> int:
        """Return ``at`` in seconds of this axis, rounded down."""
        return int(at.timestamp() // 1) - self.base

    def ceiling(self, at: datetime) -> int:
        """Return ``at`` in seconds of this axis, rounded up."""
        return -int(-at.timestamp() // 1) - self.base

    def instant(self, second: int) -> datetime:
        """Return the instant of a second of this axis."""
        return datetime.fromtimestamp(self.base + second, UTC)
