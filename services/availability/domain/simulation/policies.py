"""Three ways to lay out a day: every place once; some twice by rule of thumb; by the service's own slotting rules."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Protocol

from services.availability.domain.simulation.clinic import SESSIONS, Clinic, Request
from services.availability.domain.simulation.daybook import MINUTES_A_DAY, Daybook, Place
from services.availability.domain.slotting.durations import Length, learn, of_type
from services.availability.domain.slotting.overbooking import Answer, Costs, Expected, Question, decide
from services.availability.domain.slotting.plan import fair_terms, typical_patient
from services.availability.domain.slotting.reserve import ReservePolicy, reserve
from services.availability.domain.slotting.risk import History, NoShowModel, Visit, base_shift
from services.availability.domain.slotting.surge import RECENT_DAYS, USUAL_DAYS, Surge, surge_of

_EPOCH = datetime(2027, 1, 4, tzinfo=UTC)  # a Monday; only differences count
NO_SURGE = Surge(1.0, active=False, reason="no demand was measured")


@dataclass(slots=True)
class Seen:
    """What a clinic knows of its past: measured minutes, histories, outcomes, urgent calls a day."""

    minutes: defaultdict[int, list[float]] = field(default_factory=lambda: defaultdict(list))
    histories: dict[int, History] = field(default_factory=dict)
    visits: int = 0
    missed: int = 0
    risks: float = 0.0
    urgent: defaultdict[int, int] = field(default_factory=lambda: defaultdict(int))


class Policy(Protocol):
    """Lays out days."""

    @property
    def name(self) -> str:
        """What the policy is called."""

    def lay_out(self, clinician: int, day: int, seen: Seen) -> Daybook:
        """Return the places of a day nobody has booked yet."""

    def eve(self, book: Daybook, seen: Seen) -> None:
        """Change the places of tomorrow by what is booked."""


def _cells(minutes: int) -> list[Place]:
    return [
        Place(start, number)
        for number, (begins, ends) in enumerate(SESSIONS)
        for start in range(begins, ends - minutes + 1, minutes)
    ]


@dataclass(frozen=True, slots=True)
class FixedTemplate:
    """Every place once, at the planned length: what most systems do."""

    clinic: Clinic
    name: str = "fixed template"

    def lay_out(self, clinician: int, day: int, seen: Seen) -> Daybook:
        """Return the template's places."""
        return Daybook(clinician, day, self.clinic.planned_minutes, _cells(self.clinic.planned_minutes))

    def eve(self, book: Daybook, seen: Seen) -> None:
        """Change nothing."""


@dataclass(frozen=True, slots=True)
class UniformOverbooking:
    """The template, with as many places twice as the clinic's mean rate of missed visits says, evenly spread."""

    clinic: Clinic
    name: str = "uniform overbooking"

    def lay_out(self, clinician: int, day: int, seen: Seen) -> Daybook:
        """Return the template's places, some of them twice."""
        places = _cells(self.clinic.planned_minutes)
        rate = seen.missed / seen.visits if seen.visits else self.clinic.missed
        twice = round(rate * len(places))
        for number in range(twice):
            places[int((number + 0.5) * len(places) / twice)].lanes = 2
        return Daybook(clinician, day, self.clinic.planned_minutes, places)

    def eve(self, book: Daybook, seen: Seen) -> None:
        """Change nothing."""


@dataclass(slots=True)
class Adaptive:
    """Lengths learnt, depth by risk and cost under the cap, a reserve for the same day: domain.slotting, unchanged."""

    clinic: Clinic
    model: NoShowModel
    costs: Costs
    longest_wait: float
    kept: ReservePolicy
    name: str = "adaptive"
    surge: Surge = NO_SURGE
    _lengths: dict[int, Length] = field(default_factory=dict)

    def lay_out(self, clinician: int, day: int, seen: Seen) -> Daybook:
        """Return places of the learnt length, a part reserved, some deeper as typical patients would allow."""
        length = self._length(clinician, seen)
        grid, _ = self._terms(length, seen)
        places = _cells(grid)
        self._follow_demand(day, seen)
        for number, (begins, ends) in enumerate(SESSIONS):
            within = [place for place in places if place.session == number]
            cells = [(_at(day, one.minute), _at(day, one.minute + grid)) for one in within]
            for kept in reserve(self.kept, cells, timedelta(minutes=ends - begins), self.surge):
                within[kept.cell].opens_at = (kept.opens_at - _EPOCH) / timedelta(minutes=1)
            self._deepen(within, day, grid, length, seen)
        return Daybook(clinician, day, grid, places)

    def eve(self, book: Daybook, seen: Seen) -> None:
        """Decide depths again, now that most patients of the day are known; what is booked stays."""
        length = self._length(book.clinician, seen)
        for number in range(len(SESSIONS)):
            self._deepen(list(book.of_session(number)), book.day, book.cell_minutes, length, seen)

    def _length(self, clinician: int, seen: Seen) -> Length:
        if clinician not in self._lengths:
            everyone = [minutes for measured in seen.minutes.values() for minutes in measured]
            known = of_type(self.clinic.planned_minutes, everyone)
            self._lengths[clinician] = learn(seen.minutes[clinician], known)
        return self._lengths[clinician]

    def _follow_demand(self, day: int, seen: Seen) -> None:
        today = max(seen.urgent, default=0)
        recent = sum(seen.urgent[today - back] for back in range(1, RECENT_DAYS + 1))
        usual = sum(seen.urgent[today - RECENT_DAYS - back] for back in range(1, USUAL_DAYS + 1))
        if today > RECENT_DAYS + USUAL_DAYS:
            self.surge = surge_of(recent, usual, self.surge.active)

    def _deepen(self, places: Sequence[Place], day: int, grid: int, length: Length, seen: Seen) -> None:
        shift = self._shift(seen)
        typical = typical_patient(self.model, shift)
        _, longest_wait = self._terms(length, seen)
        cells = tuple(
            tuple(self._expected(one, day, seen, shift) for one in place.taken) or (typical,) for place in places
        )
        # A reserved place is for someone who calls today and comes.
        open_cells = frozenset(n for n, place in enumerate(places) if place.opens_at == float("-inf"))
        answer = _decide(
            Question(
                cells, grid, round(length.expected, 1), round(length.variation, 2), typical, open_cells, 2,
                longest_wait, self.costs,
            )
        )  # fmt: skip
        for number, place in enumerate(places):
            place.lanes = max(1 + answer.extra.get(number, 0), len(place.taken), 1)

    def _terms(self, length: Length, seen: Seen) -> tuple[int, float]:
        begins, ends = SESSIONS[0]
        typical = typical_patient(self.model, self._shift(seen))
        return fair_terms(
            length, self.clinic.planned_minutes, timedelta(minutes=ends - begins), typical, self.longest_wait
        )

    def _expected(self, request: Request, day: int, seen: Seen, shift: float) -> Expected:
        history = seen.histories.get(request.patient.number, History())
        risk = self.model.risk(Visit(day - request.day, day % 5, history), shift)
        return Expected(round(1 - risk.probability, 2), ((risk.band, 1.0),))

    def _shift(self, seen: Seen) -> float:
        expected = seen.risks / seen.visits if seen.visits else self.model.training_rate
        return round(base_shift(expected, self.clinic.missed, seen.missed, seen.visits, 50), 2)


@lru_cache(maxsize=4096)
def _decide(question: Question) -> Answer:
    return decide(question)


def _at(day: int, minute: int) -> datetime:
    return _EPOCH + timedelta(minutes=day * MINUTES_A_DAY + minute)
