"""Trains a no-show model on the earlier days of a file and scores it on the later ones, beside naive baselines.

Reported as it is: discrimination (AUC), error (Brier), calibration (line and table), and both by group, because a
model that is right on the whole can be wrong about some of us. Groups are never features.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from math import inf, log
from typing import Protocol

from services.availability.domain.slotting.outcomes import Outcome, visits
from services.availability.domain.slotting.risk import Distance, NoShowModel, Visit, features, lead_features
from services.kernel.errors import Invalid

# Variance of expected misses that counts as much as what is presumed of everyone (default: about six visits).
HISTORY_WEIGHT = 1.0
# Lee et al. 2005 (PMC1190171): odds ratio 1.14 beyond 14 km against within 6 km. Marshfield (PMC11149957) found no
# effect a mile. The data has no homes, so this stays as published.
DISTANCE = Distance(near_km=6.0, far_km=14.0, log_odds=log(1.14))
DECILES = 10
FEWEST_IN_GROUP = 50
WITH_HISTORY = "1 or more"
# Earlier visits with a known outcome, at least and at most: the goal is about all who have one, the rest tells why.
HISTORIES = {
    "any": (0, inf), WITH_HISTORY: (1, inf),
    "none": (0, 0), "1": (1, 1), "2": (2, 2), "3 or 4": (3, 4), "5 or more": (5, inf),
}  # fmt: skip
THIRDS = ("lowest third", "middle third", "highest third")


class Statistics(Protocol):
    """Fits logistic models and judges risks, which are probabilities; see adapters.noshow_statistics."""

    def logistic(self, rows: Sequence[Sequence[float]], missed: Sequence[bool]) -> Sequence[float]: ...
    def auc(self, missed: Sequence[bool], risks: Sequence[float]) -> float | None: ...
    def auc_interval(
        self, missed: Sequence[bool], risks: Sequence[float], patients: Sequence[str], against: Sequence[float] = ()
    ) -> tuple[float, float] | None: ...
    def brier(self, missed: Sequence[bool], risks: Sequence[float]) -> float: ...
    def calibration_line(self, missed: Sequence[bool], risks: Sequence[float]) -> tuple[float, float] | None: ...


@dataclass(frozen=True, slots=True)
class Score:
    """How well risks fit outcomes: ``auc`` None where outcomes are all alike; ``slope``, ``intercept`` calibrate."""

    visits: int
    missed: float
    predicted: float
    auc: float | None
    brier: float
    slope: float | None
    intercept: float | None


@dataclass(frozen=True, slots=True)
class Bin:
    """A tenth of the visits by risk: their mean risk and how many were missed."""

    visits: int
    predicted: float
    missed: float


@dataclass(frozen=True, slots=True)
class Known:
    """How well risks fit the visits of patients that are known about equally long.

    Intervals hold 95 %, by drawing patients anew; ``gain`` is the AUC above that of lead time alone on the same
    visits; ``calibration_error`` the mean distance, in probability, between predicted and missed over the tenths.
    """

    score: Score
    auc_interval: tuple[float, float] | None
    gain: float | None
    gain_interval: tuple[float, float] | None
    calibration_error: float


@dataclass(frozen=True, slots=True)
class Evaluation:
    """The scored model beside its baselines, all on the same later visits; ``scored_from`` is their first day."""

    model: NoShowModel
    trained_on: int
    trained_days: tuple[date, date] | None
    scored_days: tuple[date, date]
    whole: Score
    lead_time_alone: Score
    base_rate: Score
    with_history: Score | None
    with_history_lead_time_alone: Score | None
    by_history: Mapping[str, Known]
    calibration_error: float
    bins: tuple[Bin, ...]
    groups: Mapping[str, Mapping[str, Score]]


Tell = Callable[[str], None]


def train(outcomes: Sequence[Outcome], statistics: Statistics, version: str, *, as_of_booking: bool) -> NoShowModel:
    """Return a model fitted to ``outcomes``; raise Invalid when they are all alike or too few."""
    missed = [one.missed for one in outcomes]
    if len(set(missed)) < 2:
        raise Invalid("The earlier days hold only kept or only missed visits; nothing can be learnt from them.")
    lead_names = [name for name, _ in lead_features(0)]
    lead_rows = [[value for _, value in lead_features(one.lead_days)] for one in outcomes]
    by_lead = dict(zip(lead_names, statistics.logistic(lead_rows, missed), strict=True))
    rate = sum(missed) / len(missed)
    plain = NoShowModel(version, by_lead, {}, HISTORY_WEIGHT, rate, DISTANCE)
    known = list(visits(outcomes, plain.risk_by_lead, as_of_booking=as_of_booking))
    rows = [[value for _, value in features(visit, HISTORY_WEIGHT)] for visit in known]
    names = [name for name, _ in features(Visit(0, 0), HISTORY_WEIGHT)]
    coefficients = dict(zip(names, statistics.logistic(rows, missed), strict=True))
    return NoShowModel(version, by_lead, coefficients, HISTORY_WEIGHT, rate, DISTANCE)


def evaluate(
    outcomes: Sequence[Outcome],
    scored_from: date,
    statistics: Statistics,
    version: str,
    *,
    given: NoShowModel | None = None,
    as_of_booking: bool = False,
    tell: Tell = lambda _: None,
) -> Evaluation:
    """Train on what lies before ``scored_from`` (or take the ``given`` model) and score what does not."""
    earlier = [one for one in outcomes if one.day < scored_from]
    later = [one for one in outcomes if one.day >= scored_from]
    if not later or not (earlier or given):
        raise Invalid(f"Visits are needed before and from {scored_from}; there are {len(earlier)} and {len(later)}.")
    if given is None:
        tell(f"training on {len(earlier)} visits before {scored_from}")
    model = given or train(earlier, statistics, version, as_of_booking=as_of_booking)
    tell(f"scoring {len(later)} visits from {scored_from} on")
    seen = dict(zip(map(id, outcomes), visits(outcomes, model.risk_by_lead, as_of_booking=as_of_booking), strict=True))
    known = [seen[id(one)] for one in later]
    missed = [one.missed for one in later]
    risks = [model.risk(visit).probability for visit in known]
    by_lead = [model.risk_by_lead(one.lead_days) for one in later]
    told = [n for n, visit in enumerate(known) if visit.history.visits]
    rate = sum(one.missed for one in earlier) / len(earlier) if earlier else model.training_rate
    bins = tuple(_bins(missed, risks))
    return Evaluation(
        model=model,
        trained_on=0 if given else len(earlier),
        trained_days=None if given else (min(one.day for one in earlier), max(one.day for one in earlier)),
        scored_days=(min(one.day for one in later), max(one.day for one in later)),
        whole=_score(missed, risks, statistics),
        lead_time_alone=_score(missed, by_lead, statistics),
        base_rate=_score(missed, [rate] * len(later), statistics),
        with_history=_part(told, missed, risks, statistics),
        with_history_lead_time_alone=_part(told, missed, by_lead, statistics),
        by_history=_by_history(later, known, risks, by_lead, statistics),
        calibration_error=_calibration_error(bins),
        bins=bins,
        groups=_by_group(earlier, later, risks, statistics),
    )


def _score(missed: Sequence[bool], risks: Sequence[float], statistics: Statistics) -> Score:
    line = statistics.calibration_line(missed, risks)
    return Score(
        len(missed), sum(missed) / len(missed), sum(risks) / len(risks), statistics.auc(missed, risks),
        statistics.brier(missed, risks), *(line or (None, None)),
    )  # fmt: skip


def _part(
    chosen: Sequence[int], missed: Sequence[bool], risks: Sequence[float], statistics: Statistics
) -> Score | None:
    return _score([missed[n] for n in chosen], [risks[n] for n in chosen], statistics) if chosen else None


def _bins(missed: Sequence[bool], risks: Sequence[float]) -> Iterator[Bin]:
    order = sorted(range(len(risks)), key=risks.__getitem__)
    for tenth in range(DECILES):
        part = order[len(order) * tenth // DECILES : len(order) * (tenth + 1) // DECILES]
        if part:
            yield Bin(len(part), sum(risks[n] for n in part) / len(part), sum(missed[n] for n in part) / len(part))


def _calibration_error(bins: Sequence[Bin]) -> float:
    return sum(one.visits * abs(one.predicted - one.missed) for one in bins) / sum(one.visits for one in bins)


def _by_history(
    later: Sequence[Outcome],
    known: Sequence[Visit],
    risks: Sequence[float],
    by_lead: Sequence[float],
    statistics: Statistics,
) -> Mapping[str, Known]:
    found = {}
    for name, (least, most) in HISTORIES.items():
        chosen = [n for n, visit in enumerate(known) if least <= visit.history.visits <= most]
        if len(chosen) >= FEWEST_IN_GROUP:
            missed, patients = [later[n].missed for n in chosen], [later[n].patient for n in chosen]
            risk, lead = [risks[n] for n in chosen], [by_lead[n] for n in chosen]
            score, alone = _score(missed, risk, statistics), statistics.auc(missed, lead)
            found[name] = Known(
                score=score,
                auc_interval=statistics.auc_interval(missed, risk, patients),
                gain=None if score.auc is None or alone is None else score.auc - alone,
                gain_interval=statistics.auc_interval(missed, risk, patients, lead),
                calibration_error=_calibration_error(tuple(_bins(missed, risk))),
            )
    return found


def _by_group(
    earlier: Sequence[Outcome], later: Sequence[Outcome], risks: Sequence[float], statistics: Statistics
) -> Mapping[str, Mapping[str, Score]]:
    thirds = _thirds(earlier)
    members: defaultdict[str, defaultdict[str, list[int]]] = defaultdict(lambda: defaultdict(list))
    for number, one in enumerate(later):
        for dimension, group in one.groups.items():
            if dimension == "neighbourhood":
                members["neighbourhood, by its earlier misses"][thirds.get(group, "not seen earlier")].append(number)
            else:
                members[dimension][group].append(number)
    missed = [one.missed for one in later]
    return {
        dimension: {
            group: _score([missed[n] for n in numbers], [risks[n] for n in numbers], statistics)
            for group, numbers in sorted(groups.items())
            if len(numbers) >= FEWEST_IN_GROUP
        }
        for dimension, groups in sorted(members.items())
    }


def _thirds(earlier: Sequence[Outcome]) -> dict[str, str]:
    """Return the third of each neighbourhood, of about as many visits each, by how many were missed earlier."""
    visits_of, missed_of = Counter[str](), Counter[str]()
    for one in earlier:
        name = one.groups.get("neighbourhood", "")
        visits_of[name] += 1
        missed_of[name] += one.missed
    thirds, before = {}, 0
    for name in sorted(visits_of, key=lambda name: missed_of[name] / visits_of[name]):
        thirds[name] = THIRDS[min(2, 3 * before // len(earlier))]
        before += visits_of[name]
    return thirds
