"""How likely a booked visit is missed: a small logistic model that can say which part comes from what.

It looks at lead time, prior history, weekday and distance. Race, payer, language, age, sex and diagnoses are not
inputs, and visits under 42 CFR Part 2 are neither scored nor counted as history. Coefficients are data with a
version (adapters.noshow_model); nothing but arithmetic happens here, so scoring needs no library.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from math import exp, log, log1p, sqrt

WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
# History beyond this many visits says nothing more about how well someone is known here.
MOST_VISITS = 10


@dataclass(frozen=True, slots=True)
class History:
    """A patient's visits with a known outcome, earlier than the one in question.

    ``expected`` is the number of misses that lead time alone would have predicted, ``information`` the variance of
    that number: missing one visit planned two months ahead says less about a patient than missing today's.
    """

    visits: int = 0
    missed: int = 0
    expected: float = 0.0
    information: float = 0.0

    def after(self, missed: bool, by_lead: float) -> "History":
        """Return the history with one more outcome, whose risk by lead time alone was ``by_lead``."""
        return History(
            self.visits + 1, self.missed + missed, self.expected + by_lead, self.information + by_lead * (1 - by_lead)
        )


@dataclass(frozen=True, slots=True)
class Visit:
    """A booked visit: whole days between booking and visit, ISO weekday (Monday 0), history, distance if known."""

    lead_days: int
    weekday: int
    history: History = History()
    distance_km: float | None = None


@dataclass(frozen=True, slots=True)
class Distance:
    """An effect taken from the literature: ``log_odds`` for ``far_km`` and more against ``near_km`` and less."""

    near_km: float
    far_km: float
    log_odds: float

    def of(self, km: float) -> float:
        """Return the log odds of ``km``, in a straight line between near and far."""
        part = (km - self.near_km) / (self.far_km - self.near_km)
        return self.log_odds * min(1.0, max(0.0, part))


@dataclass(frozen=True, slots=True)
class NoShowModel:
    """Coefficients by feature name; ``by_lead`` is the baseline that knows lead time only.

    ``history_weight`` is how much variance of expected misses counts as much as what is presumed of everyone.
    """

    version: str
    by_lead: Mapping[str, float]
    coefficients: Mapping[str, float]
    history_weight: float
    training_rate: float
    distance: Distance

    def risk_by_lead(self, lead_days: int, shift: float = 0.0) -> float:
        """Return the risk that lead time alone gives."""
        return _probability(shift + sum(self.by_lead[name] * value for name, value in lead_features(lead_days)))

    def risk(self, visit: Visit, shift: float = 0.0) -> "Risk":
        """Return the risk of ``visit``; ``shift`` moves the log odds to the base rate of the place (see base_shift)."""
        parts = {name: self.coefficients[name] * value for name, value in features(visit, self.history_weight)}
        if visit.distance_km is not None:
            parts["distance"] = self.distance.of(visit.distance_km)
        return Risk(_probability(shift + sum(parts.values())), {**parts, "place": shift})


@dataclass(frozen=True, slots=True)
class Risk:
    """The probability that the visit is missed, and the log odds each feature adds."""

    probability: float
    parts: Mapping[str, float] = field(default_factory=dict)

    @property
    def band(self) -> str:
        """The risk band: the finest group of patients that this service may know."""
        return next(name for name, least in BANDS if self.probability >= least)


# A reminder call pays off above 15 % (evidence: Steiner 2018); the double of it is "high".
BANDS = (("high", 0.30), ("middle", 0.15), ("low", 0.0))


def lead_features(lead_days: int) -> Iterator[tuple[str, float]]:
    """Yield the features of lead time: a visit booked for the same day is another matter than any later one."""
    days = max(0, lead_days)
    yield "intercept", 1.0
    yield "same_day", float(days == 0)
    yield "log_lead", log1p(days)
    yield "log_lead_squared", log1p(days) ** 2


def features(visit: Visit, history_weight: float) -> Iterator[tuple[str, float]]:
    """Yield name and value of every feature but distance, in the model's order."""
    yield from lead_features(visit.lead_days)
    history = visit.history
    yield "history_excess", (history.missed - history.expected) / (history.information + history_weight)
    yield "history_visits", sqrt(min(history.visits, MOST_VISITS))
    yield "history_missed_before", float(history.missed > 0)
    for weekday, name in enumerate(WEEKDAYS):
        yield name, float(visit.weekday == weekday)


def base_shift(model_mean: float, base_rate: float, missed: int, visits: int, weight: float) -> float:
    """Return the log odds between the model and a place where ``missed`` of ``visits`` were missed.

    ``model_mean`` is what the unshifted model expects there; ``base_rate`` is presumed with the weight of ``weight``
    visits, so that a place starts from published rates and ends at its own.
    """
    rate = (missed + weight * base_rate) / (visits + weight)
    return _log_odds(rate) - _log_odds(model_mean)


def _log_odds(probability: float) -> float:
    bounded = min(0.995, max(0.005, probability))
    return log(bounded / (1 - bounded))


def _probability(log_odds: float) -> float:
    return 1 / (1 + exp(-max(-30.0, min(30.0, log_odds))))
