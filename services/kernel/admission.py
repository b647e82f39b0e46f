"""Who is served when not everybody can be: a place at once, a short fair wait for one, or a refusal at once.

Pure: times are handed in and nothing waits here; services.kernel.doorkeeper does. The parts and where they are from:
- classes of callers share what becomes free by weight (start-time fair queueing, Goyal et al., SIGCOMM 1996), as
  levels do in Kubernetes' API Priority and Fairness: who keeps to their share is served first, nobody starves;
- inside a class callers take turns; the queue is everybody's, and once it is full the longest line for its weight is
  cut, there the longest caller's (McKenney, "Stochastic Fairness Queueing", 1990): no app takes its class's part;
- as many may wait as are worked on, so that waiting takes about as long as being served ("Controlling Queue Delay",
  Nichols and Jacobson 2012, bounds the same by time; by count it holds on a slow machine, too); whoever would wait
  beyond their deadline, or their class's patience, is refused instead of served too late (Maurer, "Fail at Scale",
  ACM Queue 2015).
"""

from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from services.kernel.concurrency import AdaptiveLimit

LEAST_WAITING = 48
# So many may come at the same moment; a queue that has stood for longer than BURST_SECONDS is no burst any more.
BURST = 256
BURST_SECONDS = 0.5
# A queue that was empty for less than this is the one that stood before: in a rush it empties whenever the crowd takes
# breath, and each time would count as a burst.
CALM_SECONDS = 0.5


class Verdict(StrEnum):
    """What becomes of a request; all but the first are refusals."""

    ADMITTED = "admitted"
    FULL = "queue-full"
    SHARE = "own-share"
    LATE = "deadline"
    SLOW = "waited-too-long"
    STREAMS = "too-many-streams"


@dataclass(frozen=True, slots=True)
class CallerClass:
    """Callers who are treated alike.

    ``weight``: of what becomes free, against the other classes that wait. ``most``: the greatest part of the places
    they may hold. ``patience``: seconds they are kept waiting at most. ``comes_back``: seconds until the next try.
    """

    name: str
    weight: int
    most: float = 1.0
    patience: float = 1.0
    comes_back: int = 1


Settle = Callable[[Verdict], None]


@dataclass(slots=True, eq=False)
class Waiter:
    """Somebody who waits for a place; ``settle`` tells them."""

    line: "Line"
    caller: str
    until: float
    since: float
    settle: Settle


@dataclass(slots=True, eq=False)
class Line:
    """One class: what it has in hand, and who waits, by caller in the order of their turns."""

    kind: CallerClass
    in_hand: int = 0
    waiting: int = 0
    tag: float = 0.0
    admitted: int = 0
    refused: dict[Verdict, int] = field(default_factory=dict)
    callers: dict[str, deque[Waiter]] = field(default_factory=dict)

    def refuse(self, verdict: Verdict) -> Verdict:
        """Count a refusal and return it."""
        self.refused[verdict] = self.refused.get(verdict, 0) + 1
        return verdict

    def waiters(self) -> Iterator[Waiter]:
        """Return who waits."""
        return (waiter for queue in self.callers.values() for waiter in queue)

    def put(self, waiter: Waiter) -> None:
        """Let somebody wait."""
        self.callers.setdefault(waiter.caller, deque()).append(waiter)
        self.waiting += 1

    def take(self) -> Waiter:
        """Return whose turn it is: the next caller's oldest request."""
        caller = next(iter(self.callers))
        queue = self.callers.pop(caller)
        waiter = queue.popleft()
        if queue:
            self.callers[caller] = queue
        self.waiting -= 1
        return waiter

    def drop(self, waiter: Waiter) -> None:
        """Take somebody out."""
        queue = self.callers[waiter.caller]
        queue.remove(waiter)
        if not queue:
            del self.callers[waiter.caller]
        self.waiting -= 1

    def longest(self) -> deque[Waiter]:
        """Return the queue of the caller with most waiting."""
        return max(self.callers.values(), key=len)


class Admission:
    """Places and the lines in front of them. Callers of `arrive` that are admitted must `leave`."""

    def __init__(
        self, classes: Sequence[CallerClass], limit: AdaptiveLimit | None = None, *, burst: int = BURST
    ) -> None:
        self.limit = limit or AdaptiveLimit()
        self._burst = burst
        self._stands_since = 0.0
        self._stood_at = float("-inf")
        self.lines: Mapping[str, Line] = {kind.name: Line(kind) for kind in classes}
        self.in_hand = 0
        self.waiting = 0
        self._tag = 0.0

    def arrive(self, line: Line, caller: str, now: float, seconds: float, settle: Settle) -> Verdict | Waiter:
        """Ask for a place for ``caller``, who has ``seconds`` left; a Waiter is told by ``settle`` later."""
        if not self.waiting and self.in_hand < self.limit.places and self._may_hold(line):
            self.in_hand += 1
            line.in_hand += 1
            line.admitted += 1
            return Verdict.ADMITTED
        if seconds <= 0:
            return line.refuse(Verdict.LATE)
        if (verdict := self._crowded(line, caller, now)) is not None:
            return line.refuse(verdict)
        waiter = Waiter(line, caller, now + min(seconds, line.kind.patience), now, settle)
        if not line.waiting:
            line.tag = max(line.tag, self._tag)
        if now - self._stood_at > CALM_SECONDS:
            self._stands_since = now
        self._stood_at = now
        line.put(waiter)
        self.waiting += 1
        self._fill(now)
        return waiter

    def leave(self, line: Line, now: float) -> None:
        """Give a place back; it goes to whoever is next."""
        self.in_hand -= 1
        line.in_hand -= 1
        if self.waiting:
            self._fill(now)

    def give_up(self, waiter: Waiter) -> None:
        """Take out somebody who has not been told yet and does not want to know any more."""
        waiter.line.drop(waiter)
        self.waiting -= 1

    def sweep(self, now: float) -> None:
        """Refuse whoever has waited as long as they may."""
        for line in self.lines.values():
            for waiter in [waiter for waiter in line.waiters() if waiter.until <= now]:
                self.give_up(waiter)
                self._refuse_late(waiter, now)

    def _may_hold(self, line: Line) -> bool:
        return not line.in_hand or line.in_hand < line.kind.most * self.limit.places

    def _crowded(self, line: Line, caller: str, now: float) -> Verdict | None:
        """Return why somebody may not wait. The queue is everybody's; once full, whoever has most for their weight
        gives way, class by class and inside a class caller by caller.
        """
        bound = max(LEAST_WAITING, self.limit.places)
        if now - self._stands_since < BURST_SECONDS:
            bound = max(bound, self._burst)
        if self.waiting < bound:
            return None
        others = [other for other in self.lines.values() if other.waiting and other is not line]
        most = max(others, key=lambda other: other.waiting / other.kind.weight, default=line)
        if (line.waiting + 1) / line.kind.weight < most.waiting / most.kind.weight:
            self._cut(most)
            return None
        own = len(line.callers.get(caller, ()))
        if own > 1:
            return Verdict.SHARE
        if not line.waiting or len(line.longest()) <= own + 1:
            return Verdict.FULL
        self._cut(line)
        return None

    def _cut(self, line: Line) -> None:
        queue = line.longest()
        verdict = Verdict.SHARE if len(queue) > 1 else Verdict.FULL
        cut = queue[-1]
        self.give_up(cut)
        cut.settle(line.refuse(verdict))

    def _fill(self, now: float) -> None:
        while self.waiting and self.in_hand < self.limit.places:
            ready = [line for line in self.lines.values() if line.waiting and self._may_hold(line)]
            if not ready:
                return
            line = min(ready, key=lambda one: (one.tag, -one.kind.weight))
            waiter = line.take()
            self.waiting -= 1
            self._stood_at = now
            if waiter.until <= now:
                self._refuse_late(waiter, now)
                continue
            self._tag = line.tag
            line.tag += 1 / line.kind.weight
            self.in_hand += 1
            line.in_hand += 1
            line.admitted += 1
            waiter.settle(Verdict.ADMITTED)

    def _refuse_late(self, waiter: Waiter, now: float) -> None:
        patient = now - waiter.since < waiter.line.kind.patience
        waiter.settle(waiter.line.refuse(Verdict.LATE if patient else Verdict.SLOW))
