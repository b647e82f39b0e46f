"""A figure of a measurement, with what it should be where that is stated."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any


@dataclass(frozen=True, slots=True)
class Figure:
    """One row. ``target`` in words ("" where none is stated), and whether it was met (None without one).

    ``reach`` says how near the target is, where that is a number: 1 just met, 2 twice as good, 0.5 half as good.
    ``why`` is what is known of a target that is missed.
    """

    part: str
    name: str
    value: float
    unit: str
    target: str = ""
    met: bool | None = None
    reach: float | None = None
    why: str = ""

    def because(self, why: str) -> Figure:
        """Return it with what is known of why the target is missed; as it is where it is met."""
        return replace(self, why=why) if self.met is False else self

    def told(self) -> dict[str, Any]:
        """Return it as JSON-ready data."""
        return asdict(self)


def at_most(part: str, name: str, value: float, unit: str, limit: float) -> Figure:
    """Return a figure that should not exceed ``limit``."""
    reach = round(limit / value, 2) if value > 0 else None
    return Figure(part, name, round(value, 2), unit, f"<= {limit:g}", value <= limit, reach)


def at_least(part: str, name: str, value: float, unit: str, wanted: float) -> Figure:
    """Return a figure that should reach ``wanted``."""
    return Figure(part, name, round(value, 2), unit, f">= {wanted:g}", value >= wanted, round(value / wanted, 2))


def exactly(part: str, name: str, value: float, unit: str, wanted: float) -> Figure:
    """Return a figure that should be ``wanted``."""
    return Figure(part, name, value, unit, f"{wanted:g}", value == wanted)


def percentile(values: Sequence[float], percent: int) -> float:
    """Return the percentile (1 to 99) by linear interpolation; of a single value that value, of none 0.0."""
    if len(values) < 2:
        return values[0] if values else 0.0
    return statistics.quantiles(values, n=100, method="inclusive")[percent - 1]
