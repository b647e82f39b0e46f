"""How many appointments may share a time: the depth that costs least, as long as no group waits too long.

The clinician's backlog is followed exactly from one time to the next: visits come with the probability that they are
kept, last as measured lengths do (three points with their mean and deviation), and what is left over waits. Cost is
idle, waiting and overtime minutes, each with a weight. Plain cost makes exactly those wait who miss most (Samorani et
al. found 30 % longer for Black patients); so a place is refused when the worst group's expected wait would pass a cap.
Groups here are risk bands: any other group's wait is a mixture of theirs, and so never above the worst band's.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import sqrt

STEP = 5.0  # minutes: the grain of the backlog
LONGEST_BACKLOG = 36  # steps; three hours behind is as bad as it gets
LEAST_GAIN = 0.01  # of the cost: an overbooking must be worth its trouble
# Three points that have a normal variable's first five moments.
POINTS = ((-sqrt(3.0), 1 / 6), (0.0, 2 / 3), (sqrt(3.0), 1 / 6))


@dataclass(frozen=True, slots=True)
class Costs:
    """Weights of a minute: the clinician idle, a patient waiting, the clinic open beyond its hours.

    Defaults: a minute beyond hours costs what an idle one does; a clinician's minute counts as twenty of a patient's,
    inside the 1 to 100 that studies assume (Cayirli and Veral 2003). The cap, not the weight, protects patients.
    """

    idle: float = 1.0
    wait: float = 0.05
    overtime: float = 1.0


@dataclass(frozen=True, slots=True)
class Expected:
    """A patient who comes with probability ``shows``; ``groups`` says with which probability of which group."""

    shows: float
    groups: tuple[tuple[str, float], ...]


@dataclass(frozen=True, slots=True)
class Question:
    """A session: who is expected at each of its times, ``cell_minutes`` apart; a visit lasts ``minutes`` give or take.

    ``extra`` is who would take an additional place; ``open_cells`` the times that may get one; ``most`` the greatest
    depth; ``longest_wait`` the cap in minutes on the worst group's expected wait.
    """

    cells: tuple[tuple[Expected, ...], ...]
    cell_minutes: float
    minutes: float
    variation: float
    extra: Expected
    open_cells: frozenset[int]
    most: int
    longest_wait: float
    costs: Costs = Costs()


@dataclass(frozen=True, slots=True)
class Outlook:
    """What is expected of a session, in minutes; ``waits`` by group, over those who come."""

    idle: float
    wait: float
    overtime: float
    waits: Mapping[str, float]
    cost: float

    @property
    def worst_wait(self) -> float:
        """The expected wait of the group that waits longest."""
        return max(self.waits.values(), default=0.0)


@dataclass(frozen=True, slots=True)
class Answer:
    """Additional places by time (most times have none), what is expected without and with them, and why not more."""

    extra: Mapping[int, int]
    before: Outlook
    after: Outlook
    stopped_by: str


def decide(question: Question) -> Answer:
    """Return the places to add, one after the other where each saves most, until none is worth it or allowed."""
    cells = list(question.cells)
    before = current = outlook(question, cells)
    added: defaultdict[int, int] = defaultdict(int)
    while True:
        allowed: list[tuple[float, int, Outlook]] = []
        capped = False
        for cell in sorted(question.open_cells):
            if len(cells[cell]) >= question.most:
                continue
            tried = outlook(question, [*cells[:cell], (*cells[cell], question.extra), *cells[cell + 1 :]])
            if tried.cost > current.cost * (1 - LEAST_GAIN):
                continue
            if tried.worst_wait > question.longest_wait:
                capped = True
                continue
            allowed.append((tried.cost, cell, tried))
        if not allowed:
            return Answer(dict(added), before, current, _why_not(question, capped, cells))
        _, cell, current = min(allowed, key=lambda one: one[:2])
        cells[cell] = (*cells[cell], question.extra)
        added[cell] += 1


def _why_not(question: Question, capped: bool, cells: Sequence[tuple[Expected, ...]]) -> str:
    if capped:
        return f"one more would make the worst group wait over {question.longest_wait:.0f} minutes"
    if all(len(cells[cell]) >= question.most for cell in question.open_cells):
        return f"the template allows {question.most} at a time"
    return "one more would cost more in waiting and overtime than it saves in idle time"


def outlook(question: Question, cells: Sequence[tuple[Expected, ...]]) -> Outlook:
    """Return what is expected when ``cells`` hold these patients."""
    lasts = list(_steps_of(question.minutes, question.variation))
    width = question.cell_minutes / STEP
    backlog = [1.0] + [0.0] * LONGEST_BACKLOG
    idle = 0.0
    waits: defaultdict[str, float] = defaultdict(float)
    come: defaultdict[str, float] = defaultdict(float)
    for patients in cells:
        for patient in patients:
            behind = STEP * sum(steps * part for steps, part in enumerate(backlog))
            for group, part in patient.groups:
                waits[group] += part * patient.shows * behind
                come[group] += part * patient.shows
            backlog = _with_visit(backlog, lasts, patient.shows)
        idle += STEP * sum((width - steps) * part for steps, part in enumerate(backlog) if steps < width)
        backlog = _later(backlog, width)
    overtime = STEP * sum(steps * part for steps, part in enumerate(backlog))
    wait = sum(waits.values())
    costs = question.costs
    return Outlook(
        idle, wait, overtime, {group: waits[group] / come[group] for group in waits if come[group] > 0},
        costs.idle * idle + costs.wait * wait + costs.overtime * overtime,
    )  # fmt: skip


def _steps_of(minutes: float, variation: float) -> Iterator[tuple[int, float]]:
    """Yield (steps, probability) of a visit's length, its mean kept where points fall between steps."""
    for deviations, probability in POINTS:
        steps = max(1.0, minutes * (1 + deviations * variation) / STEP)
        low = int(steps)
        yield low, probability * (low + 1 - steps)
        yield low + 1, probability * (steps - low)


def _with_visit(backlog: Sequence[float], lasts: Sequence[tuple[int, float]], shows: float) -> list[float]:
    after = [part * (1 - shows) for part in backlog]
    for steps, part in enumerate(backlog):
        if part > 1e-9:
            for more, probability in lasts:
                after[min(LONGEST_BACKLOG, steps + more)] += part * shows * probability
    return after


def _later(backlog: Sequence[float], width: float) -> list[float]:
    """Return the backlog ``width`` steps later; a part of a step is shared between its neighbours."""
    after = [0.0] * len(backlog)
    for steps, part in enumerate(backlog):
        left = max(0.0, steps - width)
        low = int(left)
        after[low] += part * (low + 1 - left)
        if left > low:
            after[low + 1] += part * (left - low)
    return after
