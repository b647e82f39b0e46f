"""Stands in front of a service's routes: looks whom it knows, lets in, lets wait, or refuses before any work is done.

Who somebody is is only known once their token was verified, and verifying costs more than refusing. So nobody is put
into a class by what an unverified token claims, which anyone could write: a credential counts for its class from the
first request on that the guard has verified, and until then for the class of newcomers, with places and a share of its
own. What is remembered is a keyed hash of the credential, for a while; it opens nothing, it only says which line.
"""

import asyncio
import random
import time
import weakref
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from prometheus_client import REGISTRY, Histogram
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from services.kernel.actor import Actor
from services.kernel.admission import BURST, Admission, CallerClass, Line, Verdict, Waiter
from services.kernel.concurrency import AdaptiveLimit, Usual
from services.kernel.errors import CareslotError, Overloaded, TooManyRequests
from services.kernel.telemetry import logger

MOST_KNOWN = 8192
KNOWN_SECONDS = 900.0
MOST_STREAMS = 512
SWEEP_SECONDS = 0.05
QUIET_SECONDS = 10.0
WAITED = Histogram(
    "careslot_admission_wait_seconds",
    "How long admitted requests waited for a place; those that did not wait are not in it.",
    ["service", "class"],
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1),
)


@dataclass(frozen=True, slots=True)
class Callers:
    """The classes of callers, which one a verified caller is in, and the one of those not verified yet."""

    classes: tuple[CallerClass, ...]
    newcomers: str
    of: Callable[[Actor], str]


@dataclass(slots=True)
class Known:
    """A credential's line and caller, until when."""

    line: Line
    caller: str
    until: float


class Place:
    """A place somebody holds or waits for. Whoever asked for it waits, if they have to, and gives it back."""

    __slots__ = ("_began", "_door", "_early", "_in_hand", "_line", "_since", "_streams", "_told", "_used", "_waiter")

    def __init__(self, door: "Doorkeeper", line: Line, *, early: bool = False) -> None:
        self._early = early
        self._used = False
        self._door = door
        self._line = line
        self._in_hand = 0
        self._since = self._began = 0.0
        self._streams = False
        self._waiter: Waiter | None = None
        self._told: asyncio.Future[Verdict] | None = None

    def take(self, caller: str, now: float, seconds: float) -> CareslotError | None:
        """Ask for it; return the refusal, if it is refused at once."""
        admission = self._door.admission
        answer = admission.arrive(self._line, caller, now, seconds, self._tell)
        if isinstance(answer, Waiter):
            self._waiter = answer
            if self._told is None:
                self._told = asyncio.get_running_loop().create_future()
                self._door.look_again()
        elif answer is Verdict.ADMITTED:
            self._in_hand, self._since = admission.in_hand, now
        else:
            return self._door.refusal(self._line, answer)
        return None

    async def wait(self) -> CareslotError | None:
        """Wait until it is there; return the refusal when it will not be.

        Whoever has it at once lets those ask first who came in the same turn of the loop, unless all did already. Else
        a request that only uses the processor would be served before the next is looked at, and the queue were the
        loop's own, where nobody is counted, put in order or refused.
        """
        self._used = True
        if self._told is None:
            try:
                if not self._early:
                    await asyncio.sleep(0)
            except asyncio.CancelledError:
                self._door.admission.leave(self._line, time.monotonic())
                raise
            self._began = time.monotonic()
            return None
        assert self._waiter is not None
        admission = self._door.admission
        try:
            verdict = await self._told
        except asyncio.CancelledError:
            if self._told.cancelled():
                admission.give_up(self._waiter)
            elif self._told.result() is Verdict.ADMITTED:
                admission.leave(self._line, time.monotonic())
            raise
        if verdict is not Verdict.ADMITTED:
            return self._door.refusal(self._line, verdict)
        self._began = time.monotonic()
        WAITED.labels(self._door.service, self._line.kind.name).observe(self._since - self._waiter.since)
        return None

    def abandon(self) -> None:
        """Give it back, or stop waiting for it, unless somebody used it: they give it back themselves."""
        if self._used:
            return
        self._used = True
        if self._told is None or (self._told.done() and self._told.result() is Verdict.ADMITTED):
            self._door.admission.leave(self._line, time.monotonic())
        elif not self._told.done():
            assert self._waiter is not None
            self._door.admission.give_up(self._waiter)

    def becomes_stream(self) -> None:
        """An answer that goes on and on begins: it is counted among the streams from now on."""
        self._streams = True
        self._door.streams += 1
        self._door.admission.leave(self._line, time.monotonic())

    def leave(self, usual: Usual | None) -> None:
        """Give it back; ``usual`` learns how long it was held, None where that says nothing."""
        if self._streams:
            self._door.streams -= 1
            return
        now = time.monotonic()
        admission = self._door.admission
        if usual is not None:
            admission.limit.sample(usual, now - self._since, now - self._began, self._in_hand, now)
        admission.leave(self._line, now)

    def _tell(self, verdict: Verdict) -> None:
        # Held from now on, not from when the loop comes to whoever waits: that is part of how long it takes here, and
        # where requests only use the processor it is nearly all of it.
        self._since, self._in_hand = time.monotonic(), self._door.admission.in_hand
        if self._told is None:  # at once, before anybody could wait
            self._told = asyncio.get_running_loop().create_future()
        if not self._told.done():
            self._told.set_result(verdict)


class Doorkeeper:
    """One for each process; everything happens on its event loop."""

    def __init__(
        self,
        service: str,
        callers: Callers,
        limit: AdaptiveLimit | None = None,
        *,
        streams: int = MOST_STREAMS,
        burst: int = BURST,
    ) -> None:
        self.service = service
        self.admission = Admission(callers.classes, limit, burst=burst)
        self.streams = 0
        self._most_streams = streams
        self._callers = callers
        self._newcomers = self.admission.lines[callers.newcomers]
        self._known: dict[int, Known] = {}
        self._sweeping = False
        self._refused_at = float("-inf")
        self._jitter = random.Random()  # noqa: S311 -- spreads those who come back, guards nothing
        _EXPOSED.doors.add(self)

    def remember(self, credential: int, actor: Actor) -> None:
        """Put a credential that was just verified into the class of its caller, for a quarter of an hour at most."""
        found = self._known.get(credential)
        now = time.monotonic()
        if found is not None and found.until > now:
            return
        line = self.admission.lines[self._callers.of(actor)]
        self._known[credential] = Known(line, actor.subject, now + KNOWN_SECONDS)
        if len(self._known) > MOST_KNOWN:
            del self._known[next(iter(self._known))]

    def forget(self, credential: int) -> None:
        """A credential that is not good any more is a stranger's."""
        self._known.pop(credential, None)

    def knows(self, credential: int, special: int) -> bool:
        """Tell whether whoever presents these was verified a while ago."""
        return self._find(credential, special, time.monotonic()) is not None

    def _find(self, credential: int, special: int, now: float) -> Known | None:
        known = self._known.get(special) if special else None
        known = known or self._known.get(credential)
        return known if known is not None and known.until > now else None

    def ask(
        self, credential: int, special: int, peer: str, seconds: float, *, stream: bool, early: bool = False
    ) -> Place | CareslotError:
        """Ask for a place for whoever presents ``credential`` (``special``: one that counts before it, else 0).

        They have ``seconds`` left; ``early``: everybody who came in this turn of the loop asks before anybody is
        served. Returns the refusal to answer with, or a place, which may have to be waited for.
        """
        now = time.monotonic()
        if (known := self._find(credential, special, now)) is not None:
            line, caller = known.line, known.caller
        else:
            line, caller = self._newcomers, peer
        if stream and self.streams >= self._most_streams:
            return self.refusal(line, line.refuse(Verdict.STREAMS))
        place = Place(self, line, early=early)
        return place.take(caller, now, seconds) or place

    def refusal(self, line: Line, verdict: Verdict) -> CareslotError:
        """Return the error that says so, with when to come back: not everybody at the same moment."""
        now = time.monotonic()
        if now - self._refused_at > QUIET_SECONDS:
            # One line when it begins; how many follow is what the counters are for.
            logger().warning("overloaded", kind=line.kind.name, reason=verdict.value, limit=self.admission.limit.places)
        self._refused_at = now
        after = self._jitter.randint(line.kind.comes_back, 3 * line.kind.comes_back)
        if verdict is Verdict.SHARE:
            return TooManyRequests("You send more than your share just now; send less.", retry_after=after)
        return Overloaded("More people are here than can be served just now; try again.", retry_after=after)

    def look_again(self) -> None:
        """Look, while anybody waits, who has waited as long as they may."""
        if not self._sweeping:
            self._sweeping = True
            asyncio.get_running_loop().call_later(SWEEP_SECONDS, self._sweep)

    def _sweep(self) -> None:
        self._sweeping = False
        self.admission.sweep(time.monotonic())
        if self.admission.waiting:
            self.look_again()


class _Exposed(Collector):
    """Reads the doorkeepers' own counts when somebody asks for metrics: counting costs a request nothing."""

    def __init__(self) -> None:
        self.doors: weakref.WeakSet[Doorkeeper] = weakref.WeakSet()

    def collect(self) -> Iterable[Metric]:
        """Return what every doorkeeper of this process has counted."""
        admitted = CounterMetricFamily(
            "careslot_admission_admitted", "Requests let in, by class.", labels=["service", "class"]
        )
        refused = CounterMetricFamily(
            "careslot_admission_refused",
            "Requests refused, by class and reason.",
            labels=["service", "class", "reason"],
        )
        now = GaugeMetricFamily(
            "careslot_admission_requests", "Limit, in hand, waiting, streams.", labels=["service", "kind"]
        )
        for door in self.doors:
            for name, line in door.admission.lines.items():
                admitted.add_metric([door.service, name], line.admitted)
                for verdict, count in line.refused.items():
                    refused.add_metric([door.service, name, verdict.value], count)
            counts = {
                "limit": door.admission.limit.places, "in-hand": door.admission.in_hand,
                "waiting": door.admission.waiting, "streams": door.streams,
            }  # fmt: skip
            for kind, count in counts.items():
                now.add_metric([door.service, kind], count)
        return (admitted, refused, now)


_EXPOSED = _Exposed()
REGISTRY.register(_EXPOSED)
