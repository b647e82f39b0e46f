"""What is worth an alarm: components say it of what they make, observability makes alarms and dashboards of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import pulumi

Comparison = Literal["GreaterThanThreshold", "GreaterThanOrEqualToThreshold", "LessThanThreshold"]


@dataclass(frozen=True, slots=True)
class Watch:
    """A metric and when it means trouble: for ``minutes`` minutes in a row the statistic is past ``threshold``.

    ``board`` is the dashboard it is drawn on, ``tells`` what whoever is woken must know. ``standby`` says whether it
    also counts in a region that only waits to take over: there queues fill and nobody empties them.
    """

    name: str
    board: str
    tells: str
    namespace: str
    metric: str
    dimensions: Mapping[str, pulumi.Input[str]]
    threshold: float
    statistic: str = "Maximum"
    comparison: Comparison = "GreaterThanThreshold"
    minutes: int = 1
    standby: bool = True
