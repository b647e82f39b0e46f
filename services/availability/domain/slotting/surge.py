"""Surge mode: when urgent demand outgrows its usual level, capacity moves from planned to urgent visits.

The demand index is urgent bookings of the last week by what four quieter weeks would make one expect. Weeks are whole,
so weekdays cancel out. Two thresholds keep a noisy index from switching the mode to and fro.
"""

from dataclasses import dataclass

# Urgent demand doubles to triples in flu season (evidence: CDC ILI); half of the way up is not noise (defaults).
ENTER, LEAVE, HIGHEST = 1.5, 1.2, 3.0
# Bookings presumed on both sides, so that two instead of one is no surge.
PRIOR_BOOKINGS = 10.0
RECENT_DAYS, USUAL_DAYS = 7, 28


@dataclass(frozen=True, slots=True)
class Surge:
    """The demand index and whether it means surge mode, with the reason."""

    index: float
    active: bool
    reason: str


def demand_index(recent: int, usual: int) -> float:
    """Return urgent bookings of RECENT_DAYS by what the USUAL_DAYS before them make one expect; 1 is usual."""
    expected = usual * RECENT_DAYS / USUAL_DAYS
    return (recent + PRIOR_BOOKINGS) / (expected + PRIOR_BOOKINGS)


def surge_of(recent: int, usual: int, was_active: bool, told: float | None = None) -> Surge:
    """Return the state of surge mode; ``told`` is an index set by people, which counts instead of the measured one."""
    index = demand_index(recent, usual) if told is None else told
    active = index >= (LEAVE if was_active else ENTER)
    source = (
        "set by the operator"
        if told is not None
        else f"{recent} urgent bookings in {RECENT_DAYS} days, {usual} in the {USUAL_DAYS} before"
    )
    edge = f"at or above {LEAVE if was_active else ENTER}" if active else f"below {LEAVE if was_active else ENTER}"
    return Surge(min(index, HIGHEST), active, f"demand index {index:.2f} ({source}) is {edge}")
