"""How many requests a process works on at once, found from how long they take: no number that somebody has to guess.

Little's law: what is in hand is rate times duration. While durations stay near what they are when little goes on,
more at once means more done; from where they only grow, more at once means waiting inside, where nothing can be put
in order or refused. After Netflix's concurrency-limits (Gradient2: limit times gradient plus its square root) and
Envoy's adaptive concurrency filter (what is usual is measured while little is in hand). Two things are our own: what is
usual is learnt by route, because a search and a day's list differ tenfold, and a standing wait of ``STANDING_SECONDS``
is allowed: enough that nothing idles, and little because most requests here only use the processor, so that more at
once is a longer turn of the loop and nothing else. A service whose work goes in batches is slower alone and cheaper
together, and allows more (``BATCHING_SECONDS``).
"""

from math import sqrt

STANDING_SECONDS = 0.005
BATCHING_SECONDS = 0.02
TOLERANCE = 2.0
QUIET = 2
WINDOW_SECONDS = 0.1
WINDOW_SAMPLES = 20
STEEPEST = 0.5
SMOOTHING = 0.5
STEP = 0.05


class Usual:
    """What one kind of request usually takes: its median, in seconds, followed in small steps (0 until the first)."""

    __slots__ = ("seconds",)

    def __init__(self) -> None:
        self.seconds = 0.0

    def learn(self, seconds: float) -> None:
        """Move towards ``seconds``: as many steps up as down leave it at the median."""
        if self.seconds:
            self.seconds *= 1 + STEP if seconds > self.seconds else 1 - STEP
        else:
            self.seconds = seconds


class AdaptiveLimit:
    """How many at once, between ``least`` and ``most``; moved by what `sample` is told."""

    def __init__(
        self, initial: int = 32, least: int = 4, most: int = 256, *, standing_seconds: float = STANDING_SECONDS
    ) -> None:
        self.places = initial
        self._limit = float(initial)
        self._least, self._most = least, most
        self._standing = standing_seconds
        self._took = self._allowed = 0.0
        self._samples = self._busiest = 0
        self._due = 0.0

    def sample(self, usual: Usual, seconds: float, worked: float, in_hand: int, now: float) -> None:
        """Take note of a request that took ``seconds`` and began as one of ``in_hand``; ``now`` in seconds.

        ``worked`` is the part of them after it was come to: what is usual is learnt from that alone, or a loop that is
        behind would make being behind usual, let in more, and be behind further.
        """
        # At the least limit this is as quiet as it gets: a service that has become slower is believed, in time.
        slower = self.places == self._least and now >= self._due
        if in_hand <= QUIET or slower or not usual.seconds:
            usual.learn(worked)
        self._took += seconds
        self._allowed += TOLERANCE * usual.seconds + self._standing
        self._samples += 1
        self._busiest = max(self._busiest, in_hand)
        if now >= self._due and self._samples >= WINDOW_SAMPLES:
            self._adjust()
            self._due = now + WINDOW_SECONDS

    def _adjust(self) -> None:
        gradient = max(STEEPEST, min(1.0, self._allowed / self._took)) if self._took else 1.0
        wanted = self._limit * gradient + sqrt(self._limit)
        # A limit that was not reached has not been tried: nothing speaks for raising it.
        if wanted < self._limit or self._busiest >= self.places:
            moved = self._limit + SMOOTHING * (wanted - self._limit)
            self._limit = max(float(self._least), min(float(self._most), moved))
            self.places = int(self._limit)
        self._took = self._allowed = 0.0
        self._samples = self._busiest = 0
