"""How long a clinician's visits of a type really last, from few measurements and without trusting any single one.

The estimate is a median, because one forgotten check-out must not lengthen everyone's day, shrunk towards the visit
type, because five visits say little about a clinician and a lot about chance. What nobody measured stays as planned.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from math import sqrt
from statistics import median

STEP = 5  # minutes: what people read off a schedule
SHORTEST, LONGEST = 5, 480  # minutes, as visit types may be
# Measurements a clinician needs to count as much as the visit type does (default).
PRIOR_VISITS = 20
# Fewer measurements than this say nothing about a visit type (default).
ENOUGH_FOR_TYPE = 10
# Beyond these parts of the planned length something else was measured: a mistaken click, a forgotten check-out.
LEAST_PART, MOST_PART = 0.2, 4.0
# Robust estimate of a standard deviation from the median absolute deviation of a normal variable.
MAD_TO_DEVIATION = 1.4826
# Consultation times vary by 0.35 to 0.85 of their mean in published studies (Cayirli and Veral 2003): the low end,
# because most of what a visit type mixes is told apart by clinician here.
USUAL_VARIATION = 0.35


@dataclass(frozen=True, slots=True)
class Length:
    """A visit's length in minutes as slots have it and as it is expected (a mean), and how much it varies (deviation
    by mean), from how many visits, and why so.
    """

    minutes: int
    expected: float
    variation: float
    visits: int
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class TypeLength:
    """What is known of a visit type over all clinicians: ``typical`` minutes from ``visits`` measurements."""

    planned: int
    typical: float
    visits: int


def measured_minutes(
    checked_in_at: datetime, ended_at: datetime, planned: int, former_ended_at: datetime | None
) -> float | None:
    """Return how long a visit took in minutes, None when the instants cannot be a visit of ``planned`` minutes.

    It began when both were there: the patient checked in, the clinician done with the one before.
    """
    began = checked_in_at if former_ended_at is None else max(checked_in_at, min(former_ended_at, ended_at))
    minutes = (ended_at - began).total_seconds() / 60
    return minutes if LEAST_PART * planned <= minutes <= MOST_PART * planned else None


def of_type(planned: int, measured: Sequence[float]) -> TypeLength:
    """Return what the measurements of all clinicians say of a visit type."""
    if len(measured) < ENOUGH_FOR_TYPE:
        return TypeLength(planned, planned, len(measured))
    return TypeLength(planned, median(measured), len(measured))


def learn(measured: Sequence[float], known: TypeLength, prior_visits: int = PRIOR_VISITS) -> Length:
    """Return the clinician's length of a visit type: their median, shrunk towards the type's, on a five-minute step."""
    if not measured:
        unmeasured = (f"no visit of this clinician was measured; {_type(known)}",)
        # A plan is a mean already; a median of measurements is not.
        expected = known.typical if known.visits < ENOUGH_FOR_TYPE else _mean(known.typical, USUAL_VARIATION)
        return Length(to_step(expected), expected, USUAL_VARIATION, 0, unmeasured)
    own = median(measured)
    weight = len(measured) / (len(measured) + prior_visits)
    shrunk = weight * own + (1 - weight) * known.typical
    variation = _variation(measured, own, weight)
    expected = _mean(shrunk, variation)
    minutes = to_step(expected)
    reasons = (
        f"{len(measured)} measured visits of this clinician have a median of {own:.0f} minutes",
        _type(known),
        f"the clinician's own count for {weight:.0%}: median {shrunk:.1f}, mean {expected:.1f}, slots of {minutes}",
    )
    return Length(minutes, expected, variation, len(measured), reasons)


def to_step(minutes: float) -> int:
    """Return the minutes on the five-minute step, within what a visit may last."""
    return min(LONGEST, max(SHORTEST, STEP * round(minutes / STEP)))


def _type(known: TypeLength) -> str:
    if known.visits < ENOUGH_FOR_TYPE:
        return f"the visit type is planned at {known.planned} minutes ({known.visits} measured, too few to correct it)"
    return f"{known.visits} measured visits of the type have a median of {known.typical:.0f} minutes"


def _mean(middle: float, variation: float) -> float:
    """Return the mean of a log-normal duration with that median: the long visits pull it up."""
    return middle * sqrt(1 + variation**2)


def _variation(measured: Sequence[float], own: float, weight: float) -> float:
    deviation = MAD_TO_DEVIATION * median([abs(one - own) for one in measured])
    return weight * min(1.0, deviation / own) + (1 - weight) * USUAL_VARIATION
