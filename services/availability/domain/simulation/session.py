"""One session of one clinician, event by event: who comes, who waits how long, when the last visit ends."""

import heapq
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Due:
    """Somebody who comes: appointed and arriving minute, minutes the visit takes, group for the report."""

    appointed: float
    arrives: float
    minutes: float
    group: str


@dataclass(frozen=True, slots=True)
class Course:
    """How the session went: waits as (group, minutes), minutes worked inside hours and beyond, visit by visit."""

    waits: tuple[tuple[str, float], ...]
    worked: float
    overtime: float


def run(begins: float, ends: float, coming: Sequence[Due]) -> Course:
    """Play the session: the clinician sees whoever is there in order of appointment, and finishes with everyone.

    A wait counts from the appointment, or from arrival where somebody is late.
    """
    arrivals = [(one.arrives, number) for number, one in enumerate(coming)]
    heapq.heapify(arrivals)
    waiting: list[tuple[float, int]] = []
    waits: list[tuple[str, float]] = []
    now, worked = begins, 0.0
    while arrivals or waiting:
        while arrivals and arrivals[0][0] <= now:
            _, number = heapq.heappop(arrivals)
            heapq.heappush(waiting, (coming[number].appointed, number))
        if not waiting:
            now = arrivals[0][0]
            continue
        _, number = heapq.heappop(waiting)
        one = coming[number]
        waits.append((one.group, max(0.0, now - max(one.appointed, one.arrives))))
        worked += max(0.0, min(ends, now + one.minutes) - min(ends, now))
        now += one.minutes
    return Course(tuple(waits), worked, max(0.0, now - ends))
