"""What is kept for the same day: a few places a day that planned visits get only as the day comes near.

Urgent visit types may take them at any time. What nobody took goes to everyone in steps (default 72, 24 and 2 hours
before), so that a reserve does not end as an empty chair; the early steps release the most, because
few people look for a planned visit on its very day (simulated: releasing late left more places unused than no reserve).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from services.availability.domain.slotting.surge import Surge

WORKING_DAY = timedelta(hours=8)
# No reserve takes more than this part of a session, whatever the surge.
MOST_PART = 0.4


@dataclass(frozen=True, slots=True)
class ReservePolicy:
    """``per_day`` places of an eight-hour day; ``hours`` before the visit when parts open, the first the most."""

    per_day: int = 4
    hours: tuple[int, ...] = (72, 24, 2)

    def __post_init__(self) -> None:
        if self.per_day < 0 or not self.hours or list(self.hours) != sorted(set(self.hours), reverse=True):
            raise ValueError("a reserve has a number of places and falling, different hours of release")
        if self.hours[-1] < 0:
            raise ValueError("a place is released before its visit begins")


@dataclass(frozen=True, slots=True)
class Reserved:
    """A place kept for urgent visits until ``opens_at``, ``hours`` before it begins."""

    cell: int
    starts_at: datetime
    ends_at: datetime
    hours: int

    @property
    def opens_at(self) -> datetime:
        """When everyone may take it."""
        return self.starts_at - timedelta(hours=self.hours)


def places(policy: ReservePolicy, lasting: timedelta, cells: int, surge: Surge) -> int:
    """Return how many of ``cells`` places of a session of that length are reserved; surge mode raises it."""
    factor = surge.index if surge.active else 1.0
    wanted = round(policy.per_day * factor * (lasting / WORKING_DAY))
    return max(0, min(wanted, int(cells * MOST_PART)))


def reserve(
    policy: ReservePolicy, cells: Sequence[tuple[datetime, datetime]], lasting: timedelta, surge: Surge
) -> tuple[Reserved, ...]:
    """Return the reserved of ``cells`` (start and end of each), spread over the session; surge mode keeps the
    first step's part until the second step.
    """
    count = places(policy, lasting, len(cells), surge)
    chosen = [int((number + 0.5) * len(cells) / count) for number in range(count)]
    steps = policy.hours[1:] if surge.active and len(policy.hours) > 1 else policy.hours
    return tuple(
        Reserved(cell, *cells[cell], steps[number * len(steps) // count]) for number, cell in enumerate(chosen)
    )
