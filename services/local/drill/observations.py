"""What one outage looked like from outside: every request with its answer, and what was counted in the stores.

Plain data, so that promises are judged the same way on a living platform and on a made-up outage.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from services.local.bench.figures import percentile

Phase = Literal["before", "during", "after"]
PHASES: tuple[Phase, ...] = ("before", "during", "after")
# A lost race and a changed version are answers, not faults.
REFUSALS = frozenset({409, 412})
TURNED_AWAY = 503


@dataclass(frozen=True, slots=True)
class Call:
    """One request: who answers it, when it was sent (seconds on one clock), its status (0: no answer)."""

    kind: str
    service: str
    at: float
    milliseconds: float
    status: int

    @property
    def done(self) -> bool:
        """Whether it did what was asked."""
        return 200 <= self.status < 300

    @property
    def failed(self) -> bool:
        """Whether it got no proper answer."""
        return not self.done and self.status not in REFUSALS


@dataclass(frozen=True, slots=True)
class Timeline:
    """Instants of one outage on the clock of the calls.

    ``killed`` SIGKILL; ``stopped`` the supervisor holds it down; ``started`` the hold ends; ``back`` its first good
    answer; ``caught_up`` its queues are as short as before. Measuring begins with ``began`` and ends with ``ended``.
    """

    began: float
    killed: float
    stopped: float
    started: float
    back: float
    caught_up: float
    ended: float

    @property
    def recovery(self) -> float:
        """Seconds from the start to the first good answer."""
        return self.back - self.started

    @property
    def catching_up(self) -> float:
        """Seconds from the start until nothing waits for it any more than before."""
        return max(0.0, self.caught_up - self.started)

    def phase(self, at: float) -> Phase | None:
        """Return the phase of an instant: the outage lasts until the service answers again."""
        if not self.began <= at < self.ended:
            return None
        return "before" if at < self.killed else "during" if at < self.back else "after"


@dataclass(frozen=True, slots=True)
class Measured:
    """Requests of one phase. Milliseconds are those of requests that got an answer; 0.0 without any."""

    count: int
    done: int
    failed: int
    p50_ms: float
    p99_ms: float

    @classmethod
    def of(cls, calls: Sequence[Call]) -> Measured:
        """Count ``calls``."""
        times = [call.milliseconds for call in calls if not call.failed]
        return cls(
            len(calls), sum(call.done for call in calls), sum(call.failed for call in calls),
            round(percentile(times, 50), 1), round(percentile(times, 99), 1),
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Outage:
    """One outage of ``service``: its timeline, every call, and what was counted in stores and queues by name."""

    service: str
    timeline: Timeline
    calls: Sequence[Call]
    counts: Mapping[str, int] = field(default_factory=dict)

    def measured(self, phase: Phase, wanted: Callable[[Call], bool] = lambda _call: True) -> Measured:
        """Return what was measured of the ``wanted`` calls in a phase."""
        return Measured.of([c for c in self.calls if self.timeline.phase(c.at) == phase and wanted(c)])

    def others(self, phase: Phase) -> Measured:
        """Return what was measured of everything that other services answer."""
        return self.measured(phase, lambda call: call.service != self.service)

    def kind(self, name: str, phase: Phase) -> Measured:
        """Return what was measured of one kind of request."""
        return self.measured(phase, lambda call: call.kind == name)

    def turned_away(self) -> Sequence[Call]:
        """Return the calls to the service sent while it was surely down."""
        line = self.timeline
        return [c for c in self.calls if c.service == self.service and line.stopped <= c.at < line.started]

    def kinds(self) -> Sequence[tuple[str, str]]:
        """Return the kinds of requests that were made, with who answers them."""
        return sorted({(call.service, call.kind) for call in self.calls})

    def count(self, name: str) -> int:
        """Return what was counted under ``name``; -1 when it was not counted at all, which no promise accepts."""
        return self.counts.get(name, -1)
