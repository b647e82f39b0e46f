"""Visits whose outcome is known, in order of time: what a model may learn from and what it is judged by.

Nothing leaks: a visit's history holds only outcomes of earlier days, because who comes on the same day is not known
on the eve, when depths are decided; the later part of the days is scored by what was learnt from the earlier part.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date

from services.availability.domain.slotting.risk import History, Visit


@dataclass(frozen=True, slots=True)
class Outcome:
    """A visit that was kept or missed; ``groups`` (by dimension) serve reports on fairness and are never features."""

    patient: str
    booked_on: date
    day: date
    missed: bool
    groups: Mapping[str, str] = field(default_factory=dict)

    @property
    def lead_days(self) -> int:
        """Whole days between booking and visit."""
        return (self.day - self.booked_on).days


def visits(
    outcomes: Sequence[Outcome], by_lead: Callable[[int], float], *, as_of_booking: bool = False
) -> Iterator[Visit]:
    """Yield the visit of each of ``outcomes`` as it was known on its eve, or on the day before it was booked."""
    past: defaultdict[str, list[tuple[date, History]]] = defaultdict(list)
    for one in sorted(outcomes, key=lambda one: one.day):
        former = past[one.patient][-1][1] if past[one.patient] else History()
        past[one.patient].append((one.day, former.after(one.missed, by_lead(one.lead_days))))
    for one in outcomes:
        before = one.booked_on if as_of_booking else one.day
        known = [history for day, history in past[one.patient] if day < before]
        yield Visit(one.lead_days, one.day.weekday(), known[-1] if known else History())


def split(outcomes: Sequence[Outcome], earlier_part: float) -> date:
    """Return the day from which visits are scored: ``earlier_part`` of the different days come before it."""
    days = sorted({one.day for one in outcomes})
    return days[min(len(days) - 1, max(1, round(len(days) * earlier_part)))]
