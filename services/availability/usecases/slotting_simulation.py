"""Plays the same clinic, patients and luck under each policy, several times with other patients, and compares."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, fields
from random import Random
from statistics import mean, quantiles, stdev

from services.availability.domain.simulation.clinic import (
    SESSIONS,
    Clinic,
    Request,
    paces,
    population,
    requests,
)
from services.availability.domain.simulation.daybook import Daybook
from services.availability.domain.simulation.policies import Adaptive, FixedTemplate, Policy, Seen, UniformOverbooking
from services.availability.domain.simulation.session import Due, run
from services.availability.domain.slotting.overbooking import Costs
from services.availability.domain.slotting.reserve import ReservePolicy
from services.availability.domain.slotting.risk import History, NoShowModel, Visit

LONGEST_WAIT = 12.0
HOURS = sum(ends - begins for begins, ends in SESSIONS)


@dataclass(frozen=True, slots=True)
class Figures:
    """A policy's figures of one run: parts from 0 to 1, minutes, and counts a clinician-day."""

    utilisation: float
    unused_slots: float
    patients_seen: float
    wait_mean: float
    wait_p90: float
    worst_group_wait: float
    overtime: float
    urgent_turned_away: float
    planned_turned_away: float


@dataclass(frozen=True, slots=True)
class Comparison:
    """Figures of every policy by seed, in the order of ``seeds``."""

    clinic: Clinic
    seeds: Sequence[int]
    figures: dict[str, list[Figures]]

    def spread(self, policy: str, name: str) -> tuple[float, float]:
        """Return mean and standard deviation over the seeds."""
        values = [float(getattr(one, name)) for one in self.figures[policy]]
        return mean(values), stdev(values) if len(values) > 1 else 0.0

    def better(self, policy: str, other: str, name: str) -> int:
        """Return on how many seeds ``policy`` has a lower figure than ``other``, or the same."""
        pairs = zip(self.figures[policy], self.figures[other], strict=True)
        return sum(getattr(one, name) <= getattr(two, name) for one, two in pairs)


NAMES = tuple(one.name for one in fields(Figures))


@dataclass(slots=True)
class _Tally:
    """What is counted on measured days."""

    worked: float = 0.0
    overtime: float = 0.0
    unused: int = 0
    seen: int = 0
    waits: list[tuple[str, float]] = field(default_factory=list)
    asked: defaultdict[bool, int] = field(default_factory=lambda: defaultdict(int))
    refused: defaultdict[bool, int] = field(default_factory=lambda: defaultdict(int))


def compare(
    clinic: Clinic, model: NoShowModel, seeds: Sequence[int], tell: Callable[[str], None] = lambda _: None
) -> Comparison:
    """Play every policy on every seed."""
    figures: dict[str, list[Figures]] = {}
    for seed in seeds:
        for policy in _policies(clinic, model):
            tell(f"seed {seed}: {policy.name}")
            figures.setdefault(policy.name, []).append(_Play(clinic, model, policy, seed).figures())
    return Comparison(clinic, seeds, figures)


def _policies(clinic: Clinic, model: NoShowModel) -> Iterator[Policy]:
    yield FixedTemplate(clinic)
    yield UniformOverbooking(clinic)
    yield Adaptive(clinic, model, Costs(), LONGEST_WAIT, ReservePolicy())


class _Play:
    """One clinic under one policy with one seed; the warm-up runs by fixed template whatever the policy."""

    def __init__(self, clinic: Clinic, model: NoShowModel, policy: Policy, seed: int) -> None:
        dice = Random(seed)  # noqa: S311 -- a simulation
        self._clinic, self._model, self._policy = clinic, model, policy
        patients = population(clinic, dice)
        self._paces = paces(clinic, dice)
        self._base = _base(clinic, model, [one.log_odds for one in patients])
        self._requests = list(requests(clinic, patients, dice))
        self._books: dict[tuple[int, int], Daybook] = {}
        self._seen = Seen()
        self._tally = _Tally()

    def figures(self) -> Figures:
        """Play every day and return the figures of the measured ones."""
        by_day: defaultdict[int, list[Request]] = defaultdict(list)
        for request in self._requests:
            by_day[request.day].append(request)
        for day in range(self._clinic.warm_up + self._clinic.days):
            for request in by_day[day]:
                self._seen.urgent[day] += request.urgent
                self._book(request)
            self._close(day)
            for clinician in range(self._clinic.clinicians):
                if day + 1 >= self._clinic.warm_up:
                    self._policy.eve(self._book_of(clinician, day + 1), self._seen)
        return self._told()

    def _book_of(self, clinician: int, day: int) -> Daybook:
        if (clinician, day) not in self._books:
            policy = self._policy if day >= self._clinic.warm_up else FixedTemplate(self._clinic)
            self._books[clinician, day] = policy.lay_out(clinician, day, self._seen)
        return self._books[clinician, day]

    def _book(self, request: Request) -> None:
        measured = request.wished >= self._clinic.warm_up and request.wished < self._clinic.warm_up + self._clinic.days
        patience = 1 if request.urgent else self._clinic.patience_days
        first = int(request.choice * self._clinic.clinicians)
        self._tally.asked[request.urgent] += measured
        for day in range(request.wished, request.wished + patience):
            for number in range(self._clinic.clinicians):
                book = self._book_of((first + number) % self._clinic.clinicians, day)
                if free := book.free(request):
                    free[int(request.choice * 997 % 1 * len(free))].taken.append(request)
                    return
        self._tally.refused[request.urgent] += measured

    def _cancel(self, day: int) -> None:
        """Let visits of ``day`` be called off the evening before, so that others may take their places."""
        for clinician in range(self._clinic.clinicians):
            for place in self._book_of(clinician, day).places:
                place.taken = [one for one in place.taken if one.urgent or one.calls_off >= self._clinic.cancelled]

    def _close(self, day: int) -> None:
        for clinician in range(self._clinic.clinicians):
            self._play_day(self._book_of(clinician, day))
        self._cancel(day + 1)

    def _play_day(self, book: Daybook) -> None:
        measured = book.day >= self._clinic.warm_up
        for number, (begins, ends) in enumerate(SESSIONS):
            places = list(book.of_session(number))
            coming = []
            for place in places:
                for request in place.taken:
                    if self._comes(request, book.day):
                        minutes = request.pace * self._paces[book.clinician]
                        self._seen.minutes[book.clinician].append(minutes)
                        arrives = place.minute + request.arrival
                        coming.append(Due(place.minute, arrives, minutes, request.patient.group))
            course = run(begins, ends, coming)
            if measured:
                self._tally.worked += course.worked
                self._tally.overtime += course.overtime
                self._tally.unused += max(0, len(places) - len(coming))
                self._tally.seen += len(coming)
                self._tally.waits += course.waits

    def _comes(self, request: Request, day: int) -> bool:
        lead = day - request.day
        risk = self._model.risk_by_lead(lead, self._base + request.patient.log_odds)
        missed = request.comes < risk
        seen, number = self._seen, request.patient.number
        history = seen.histories.get(number, History())
        seen.visits += 1
        seen.missed += missed
        seen.risks += self._model.risk(Visit(lead, day % 5, history)).probability
        seen.histories[number] = history.after(missed, self._model.risk_by_lead(lead))
        return not missed

    def _told(self) -> Figures:
        tally, days = self._tally, self._clinic.days * self._clinic.clinicians
        waits: defaultdict[str, list[float]] = defaultdict(list)
        for group, minutes in tally.waits:
            waits[group].append(minutes)
        everyone = [minutes for _, minutes in tally.waits]
        return Figures(
            utilisation=tally.worked / (HOURS * days),
            unused_slots=tally.unused / days,
            patients_seen=tally.seen / days,
            wait_mean=mean(everyone),
            wait_p90=quantiles(everyone, n=10)[-1],
            worst_group_wait=max(mean(minutes) for minutes in waits.values()),
            overtime=tally.overtime / days,
            urgent_turned_away=tally.refused[True] / max(1, tally.asked[True]),
            planned_turned_away=tally.refused[False] / max(1, tally.asked[False]),
        )


def _base(clinic: Clinic, model: NoShowModel, log_odds: Sequence[float]) -> float:
    """Return the shift of log odds at which planned visits are missed as often as the clinic's rate says."""
    leads = [day for first, last, _ in clinic.leads for day in (first, (first + last) // 2, last)]
    sample = log_odds[:300]
    low, high = -5.0, 5.0
    for _ in range(30):
        middle = (low + high) / 2
        rate = mean(model.risk_by_lead(lead, middle + one) for lead in leads for one in sample)
        low, high = (middle, high) if rate < clinic.missed else (low, middle)
    return (low + high) / 2
