"""What the simulated clinic is like: its hours, patients, demand and durations, each figure with its source.

The policies see what the service would see: lead times, histories, measured minutes. They never see a patient's group
or true propensity; those decide what happens and what is reported.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from math import exp, log
from random import Random

# Minutes of the working day at which sessions begin and end: 08:00 to 12:00 and 13:00 to 17:00.
SESSIONS = ((0, 240), (300, 540))
DAY_END = 540


@dataclass(frozen=True, slots=True)
class Group:
    """A group of patients: its share, and its odds of missing a visit against the first group's."""

    name: str
    share: float
    odds: float


@dataclass(frozen=True, slots=True)
class Clinic:
    """Parameters; "default" means our own choice where evidence gives none."""

    clinicians: int = 8
    days: int = 40
    # Days run beforehand by fixed template, which fill histories and measured lengths (default: twelve weeks).
    warm_up: int = 60
    patients: int = 4000
    # Missed planned visits: 18.8 % in the VA's clinics (evidence.md).
    missed: float = 0.188
    # Patient propensity differs by this deviation of log odds; prior no-show OR 4.42 (evidence.md) needs about that.
    propensity: float = 1.0
    # Medicaid against others OR 1.56, Spanish against English OR 1.34 (Marshfield, PMC11149957): two groups at a
    # disadvantage, the second with both. No policy knows them.
    groups: tuple[Group, ...] = (Group("A", 0.65, 1.0), Group("B", 0.25, 1.56), Group("C", 0.10, 2.09))
    planned_minutes: int = 20
    # Clinicians differ from the plan by this deviation of log minutes around a median a little above it (default).
    pace: float = 0.2
    slower: float = 1.05
    # Consultation times vary by 0.35 to 0.85 of their mean (Cayirli and Veral 2003): the low end, type by type.
    variation: float = 0.35
    # Same-day demand: about four a provider-day (evidence.md); planned demand would fill the day alone (default).
    urgent_a_day: float = 4.0
    planned_a_day: float = 25.0
    surge: float = 1.0
    # Planned visits: days until the one that is wished, and how likely (default).
    leads: tuple[tuple[int, int, float], ...] = ((1, 7, 0.4), (8, 14, 0.3), (15, 28, 0.3))
    patience_days: int = 7
    # Visits called off before their day (default).
    cancelled: float = 0.08
    # Arrival before or after the appointed minute (default).
    early: float = 15.0
    late: float = 5.0


@dataclass(frozen=True, slots=True)
class Patient:
    """A made-up patient: a group for the report, and log odds of missing that nobody can see."""

    number: int
    group: str
    log_odds: float


@dataclass(frozen=True, slots=True)
class Request:
    """Somebody asks at ``minute`` of ``day`` for a visit on ``wished`` or soon after; chances are drawn beforehand.

    The same request meets the same luck under every policy, so that differences come from the policies.
    """

    day: int
    minute: float
    wished: int
    urgent: bool
    patient: Patient
    choice: float
    comes: float
    calls_off: float
    arrival: float
    pace: float


def population(clinic: Clinic, dice: Random) -> list[Patient]:
    """Return the patients."""
    groups = dice.choices(clinic.groups, [group.share for group in clinic.groups], k=clinic.patients)
    return [
        Patient(number, group.name, log(group.odds) + dice.gauss(0, clinic.propensity))
        for number, group in enumerate(groups)
    ]


def paces(clinic: Clinic, dice: Random) -> list[float]:
    """Return each clinician's true mean minutes a visit."""
    middle = clinic.planned_minutes * clinic.slower
    return [middle * exp(dice.gauss(0, clinic.pace)) for _ in range(clinic.clinicians)]


def requests(clinic: Clinic, patients: list[Patient], dice: Random) -> Iterator[Request]:
    """Yield every request in order of time, from the first day of the warm-up to the last measured one."""
    for day in range(clinic.warm_up + clinic.days):
        factor = clinic.surge if day >= clinic.warm_up else 1.0
        planned = _poisson(clinic.planned_a_day * clinic.clinicians, dice)
        urgent = _poisson(clinic.urgent_a_day * factor * clinic.clinicians, dice)
        asking = [(dice.uniform(0, DAY_END), False) for _ in range(planned)]
        # Who needs to be seen today calls while there is a today: not in the last hour.
        asking += [(dice.uniform(-30, DAY_END - 60), True) for _ in range(urgent)]
        for minute, is_urgent in sorted(asking):
            wished = day if is_urgent else day + _lead(clinic, dice)
            yield Request(
                day, minute, wished, is_urgent, dice.choice(patients), dice.random(), dice.random(), dice.random(),
                dice.uniform(-clinic.early, clinic.late), _lognormal(clinic.variation, dice),
            )  # fmt: skip


def _lead(clinic: Clinic, dice: Random) -> int:
    first, last, _ = dice.choices(clinic.leads, [part for _, _, part in clinic.leads])[0]
    return dice.randint(first, last)


def _poisson(mean: float, dice: Random) -> int:
    """Return a Poisson number by the arrivals of an exponential clock."""
    count, passed = 0, dice.expovariate(1.0)
    while passed < mean:
        count += 1
        passed += dice.expovariate(1.0)
    return count


def _lognormal(variation: float, dice: Random) -> float:
    """Return a positive factor with mean 1 and that coefficient of variation."""
    spread = log(1 + variation**2)
    return exp(dice.gauss(-spread / 2, spread**0.5))
