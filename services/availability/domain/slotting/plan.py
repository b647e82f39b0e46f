"""One session laid out by the rules: its grid, where more than one appointment may stand, what is kept for today.

Pure: facts in, plan out, with everything `GET /slots/{id}/why` tells. Only adaptive templates are planned; their depth
is the greatest that the rules may allow, while a fixed template has its depth everywhere.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import lru_cache
from statistics import mean

from services.availability.domain.directory import VisitType
from services.availability.domain.sessions import Period, WorkingSession
from services.availability.domain.slotting.durations import STEP, Length
from services.availability.domain.slotting.overbooking import (
    Answer,
    Costs,
    Expected,
    Outlook,
    Question,
    decide,
    outlook,
)
from services.availability.domain.slotting.reserve import Reserved, ReservePolicy, reserve
from services.availability.domain.slotting.risk import BANDS, NoShowModel, Risk, Visit
from services.availability.domain.slotting.surge import Surge
from services.availability.domain.templates import Template

# Minutes that count as no wait; with 6 one of five simulated clinics waited longer than before (default).
TOLERABLE_WAIT = 4.0
# Lead times of people who have not booked yet, about as they fall in practice (default).
USUAL_LEADS = (0, 1, 2, 4, 7, 10, 14, 21)


@dataclass(frozen=True, slots=True)
class SlottingRules:
    """What the operator sets: costs of a minute, the cap on the worst group's wait, the reserve, urgent visit types,
    the presumed base rate of missed visits and a demand index that counts instead of the measured one.
    """

    model: NoShowModel
    costs: Costs = field(default_factory=Costs)
    longest_wait: float = 12.0
    reserve: ReservePolicy = field(default_factory=ReservePolicy)
    urgent_visit_types: frozenset[str] = frozenset()
    base_rate: float = 0.10
    demand_index: float | None = None


@dataclass(frozen=True, slots=True)
class Booked:
    """A live appointment in the session and, where it may be scored, its risk of being missed."""

    period: Period
    risk: Risk | None


@dataclass(frozen=True, slots=True)
class Plan:
    """How a session is laid out; ``cells`` are its times, ``extra`` the additional places by cell."""

    session: WorkingSession
    grid_minutes: int
    cells: tuple[Period, ...]
    length: Length
    answer: Answer
    reserved: tuple[Reserved, ...]
    surge: Surge
    scored: int
    mean_risk: float
    lanes: Mapping[int, int]
    longest_wait: float

    def sessions(self) -> Iterator[WorkingSession]:
        """Yield working time as search reads it: once everywhere, and deeper where the plan says so."""
        yield replace(self.session, template=self._template(1))
        for cell, lanes in sorted(self.lanes.items()):
            yield replace(self.session, template=self._template(lanes), period=self.cells[cell], layer=lanes)

    def _template(self, depth: int) -> Template:
        return replace(self.session.template, depth=depth, grid_minutes=self.grid_minutes)


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known about a session when it is planned: the usual visit's ``planned`` minutes and its real length,
    who has booked, demand and base rate; ``former_grid`` stays while somebody has booked by it.
    """

    planned: int
    length: Length
    booked: Sequence[Booked]
    surge: Surge
    shift: float
    former_grid: int | None = None


def usual_visit(template: Template, visit_types: Sequence[VisitType]) -> VisitType | None:
    """Return the visit a session's grid is made for: the shortest that the template takes, None if none is known."""
    taken = [one for one in visit_types if one.active and one.visit_type in (template.visit_types or {one.visit_type})]
    return min(taken, key=lambda one: (one.minutes, one.visit_type), default=None)


def plan(session: WorkingSession, facts: Facts, rules: SlottingRules) -> Plan:
    """Return the plan of ``session``."""
    whole = session.period.ends_at - session.period.starts_at
    typical = typical_patient(rules.model, facts.shift)
    grid, longest_wait = fair_terms(facts.length, facts.planned, whole, typical, rules.longest_wait)
    if facts.booked and facts.former_grid:
        grid = facts.former_grid
    cells = tuple(_cells(session, timedelta(minutes=grid)))
    kept = reserve(rules.reserve, [(one.starts_at, one.ends_at) for one in cells], whole, facts.surge)
    people = [[_expected(one, typical) for one in facts.booked if one.period.overlaps(cell)] for cell in cells]
    reserved_cells = {one.cell for one in kept}
    answer = _decide(
        Question(
            cells=tuple(tuple(there) or (typical,) for there in people),
            cell_minutes=grid,
            minutes=round(facts.length.expected, 1),
            variation=round(facts.length.variation, 2),
            extra=typical,
            open_cells=frozenset(range(len(cells))) - reserved_cells,
            most=session.template.depth,
            longest_wait=longest_wait,
            costs=rules.costs,
        )
    )
    risks = [one.risk.probability for one in facts.booked if one.risk]
    return Plan(
        session, grid, cells, facts.length, answer, kept, facts.surge, len(risks),
        mean(risks) if risks else 1 - typical.shows,
        {cell: max(1, len(people[cell])) + extra for cell, extra in answer.extra.items()}, longest_wait,
    )  # fmt: skip


def fair_terms(
    length: Length, planned: int, session: timedelta, typical: Expected, longest_wait: float
) -> tuple[int, float]:
    """Return the grid in minutes and the cap on the worst group's wait that leave nobody worse off than the plan.

    Nobody is to wait longer than when every visit has its ``planned`` minutes and its time for itself (waits under
    TOLERABLE_WAIT harm nobody), nor than ``longest_wait``. A quick clinician's slots are cut only so far.
    """
    minutes = session / timedelta(minutes=1)
    allowed = min(longest_wait, max(TOLERABLE_WAIT, _alone(planned, length, minutes, typical).worst_wait))
    grid = length.minutes
    while grid < planned and _alone(grid, length, minutes, typical).worst_wait > allowed:
        grid += STEP
    return grid, allowed


def _alone(grid: int, length: Length, minutes: float, typical: Expected) -> Outlook:
    return _outlook(grid, int(minutes // grid), round(length.expected, 1), round(length.variation, 2), typical)


@lru_cache(maxsize=1024)
def _outlook(grid: int, cells: int, expected: float, variation: float, typical: Expected) -> Outlook:
    one_each = ((typical,),) * cells
    return outlook(Question(one_each, grid, expected, variation, typical, frozenset(), 1, 0.0), one_each)


def typical_patient(model: NoShowModel, shift: float) -> Expected:
    """Return somebody who has not booked yet: a first visit, over usual lead times."""
    risks = [model.risk(Visit(lead, 0), shift) for lead in USUAL_LEADS]
    shares = {band: mean(risk.band == band for risk in risks) for band, _ in BANDS}
    groups = tuple((band, share) for band, share in shares.items() if share)
    return Expected(round(1 - mean(risk.probability for risk in risks), 2), groups)


def _expected(booked: Booked, typical: Expected) -> Expected:
    if booked.risk is None:
        return typical
    return Expected(round(1 - booked.risk.probability, 2), ((booked.risk.band, 1.0),))


def _cells(session: WorkingSession, grid: timedelta) -> Iterator[Period]:
    start = session.anchor_at + grid * -((session.anchor_at - session.period.starts_at) // grid)
    while start + grid <= session.period.ends_at:
        yield Period(start, start + grid)
        start += grid


@lru_cache(maxsize=4096)
def _decide(question: Question) -> Answer:
    """Decide once what many days ask alike: days that nobody has booked yet."""
    return decide(question)
