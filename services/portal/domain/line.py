"""A fair line for a rush: first come, first served, however many processes stand behind one address.

Nothing is stored for all of them. A ticket says when its owner came, sealed, so that nobody can come earlier than they
did. Each process lets people in up to a moment, the *front*: whoever came before it goes in. How fast the front moves
is found out: up a little while those who are inside are served, down by a part when they are turned away (additive
increase, multiplicative decrease: Chiu and Jain 1989, as TCP does). Tickets carry the front they have seen, so every
process learns from whoever comes by how far the others have got; it only ever moves on, so the latest one counts.
"""

from bisect import bisect_left, insort
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

REFRESH = timedelta(seconds=5)
# Twelve chances to come by: with a few processes each has seen nearly everybody who waits.
GONE_AFTER = 12 * REFRESH
CALM = timedelta(seconds=10)
LEAST_RATE, FIRST_RATE, FASTER, SLOWER = 0.2, 1.0, 0.05, 0.7
MOST_KNOWN = 50_000
MEASURED_SECONDS = 10.0
NEVER = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Ticket:
    """A place in line: who (a random number), since when, for which session; the front its owner was told last.

    ``inside_until``: until when they may go in and out, None while they wait.
    """

    number: str
    session: str
    arrived: datetime
    told: datetime
    front: datetime | None = None
    inside_until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Standing:
    """How many wait before somebody, as far as this process has seen, and about how long that is; None: not known."""

    before: int
    wait: timedelta | None


class Line:
    """The line as one process sees it; times are handed in. Open (no line) until somebody inside is turned away."""

    def __init__(self, most: int = MOST_KNOWN) -> None:
        self.front: datetime | None = None
        self.rate = FIRST_RATE
        self._most = most
        self._waiting: list[tuple[datetime, str]] = []
        self._seen: dict[str, datetime] = {}
        self._allowance = 0.0
        self._moved = self._turned_away = self._faster = self._opened = NEVER
        self._entering, self._entered = 0.0, NEVER

    @property
    def open(self) -> bool:
        """Whether everybody may go in."""
        return self.front is None

    def entered(self, now: datetime) -> None:
        """Take note that somebody went in, so that a rush begins with the rate that was possible."""
        if self._entered != NEVER:
            passed = (now - self._entered).total_seconds()
            self._entering *= max(0.0, 1 - passed / MEASURED_SECONDS)
        self._entering += 1
        self._entered = now

    def turned_away(self, now: datetime) -> None:
        """Somebody inside was turned away by a service: close the line, or let people in more slowly."""
        if self.front is None:
            self._close(now, now, max(FIRST_RATE, SLOWER * self._entering / MEASURED_SECONDS))
        elif (now - self._turned_away).total_seconds() >= 1:
            self.rate = max(LEAST_RATE, SLOWER * self.rate)
        self._turned_away = now

    def heard(self, ticket: Ticket, now: datetime) -> None:
        """Learn from a ticket that was told its place elsewhere just now: that there is a line, and its front."""
        if ticket.front is None or ticket.inside_until is not None:
            return
        if ticket.told <= self._opened or now - ticket.told > 2 * REFRESH:
            return
        if self.front is None:
            self._close(ticket.front, now, FIRST_RATE)
            self._turned_away = now
        elif ticket.front > self.front:
            self._move(ticket.front)

    def stands(self, ticket: Ticket, now: datetime) -> Standing | None:
        """Return where the owner of ``ticket`` stands; None: it is their turn."""
        self._go_on(now)
        if self._their_turn(ticket):
            return None
        place = (ticket.arrived, ticket.number)
        if ticket.number not in self._seen and len(self._waiting) < self._most:
            insort(self._waiting, place)
        if ticket.number in self._seen or len(self._seen) < self._most:
            self._seen[ticket.number] = now
        self._go_on(now)
        if self._their_turn(ticket):
            return None
        before = bisect_left(self._waiting, place)
        return Standing(before, timedelta(seconds=(before + 1) / self.rate))

    def _their_turn(self, ticket: Ticket) -> bool:
        return self.front is None or ticket.arrived <= self.front

    def _close(self, front: datetime, now: datetime, rate: float) -> None:
        self.front, self.rate = front, rate
        self._moved = self._faster = now
        self._allowance = 0.0

    def _go_on(self, now: datetime) -> None:
        """Move the front by what has become possible since; open when nobody is left and it has been calm."""
        if self.front is None:
            return
        if (now - self._faster).total_seconds() >= 1:
            calm = now - self._turned_away > REFRESH / 2
            self.rate += max(LEAST_RATE, FASTER * self.rate) if calm else 0
            self._faster = now
        most = max(1.0, 2 * self.rate * REFRESH.total_seconds())
        self._allowance = min(most, self._allowance + self.rate * (now - self._moved).total_seconds())
        self._moved = now
        gone = 0
        for arrived, number in self._waiting:
            here = now - self._seen[number] <= GONE_AFTER
            if here and self._allowance < 1:
                break
            self._allowance -= here
            self.front = max(self.front, arrived)
            gone += 1
        self._forget(gone)
        if not self._waiting and now - self._turned_away > CALM:
            self.front, self._opened = None, now

    def _move(self, front: datetime) -> None:
        self.front = front
        self._forget(bisect_left(self._waiting, (front, "\U0010ffff")))

    def _forget(self, count: int) -> None:
        for _, number in self._waiting[:count]:
            del self._seen[number]
        del self._waiting[:count]
