"""Bookings a second over HTTP, beside what PostgreSQL alone does with the same SQL in the same minutes.

Two booking processes as they are deployed: RS256 sign-in against published keys, Cedar policies, signed offers, audit
entries, events, idempotency, metrics, log lines. The reference is pgbench with booking's own statements, one booking a
transaction: no HTTP, no access check, nothing but the database. Both run in turns in this run; medians of the rounds
are compared, because on shared cores absolutes mean nothing. The bus is out while it is measured (the relay waits in
its backoff), because pgbench has no relay either; what the relay costs and how late it is says the part ``outbox``.
The clients take about a tenth of the two cores, on both sides.
"""

from __future__ import annotations

import asyncio
import statistics
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg

from services.kernel.errors import Unavailable
from services.local.bench import pgbench
from services.local.bench.booking_stand import Stand, booking_stand
from services.local.bench.figures import Figure, at_least, at_most, percentile
from services.local.bench.load import Outcome, drive
from services.local.bench.pgbench import postgres_seconds, run_pgbench
from services.local.bench.running import Run

PART = "booking"
WORKERS = 2
CONNECTIONS = 64
FIGHTERS = 200
HOT = 10
SESSIONS = 10
# Each of those who fight tries again once a second, as fast as people and worse than they.
PAUSE_SECONDS = 1.0
COUNTER = "CREATE TABLE clinic_counter (id integer PRIMARY KEY, taken integer NOT NULL)"
COUNT = "UPDATE clinic_counter SET taken = taken + 1 WHERE id = 1 + :n::bigint % 10 AND taken < 1000000000;\n"


class Rounds:
    """The stand, and slots that nobody has had yet."""

    def __init__(self, run: Run, stand: Stand, folder: Path) -> None:
        self._run = run
        self._stand = stand
        self._folder = folder
        self._made = 0
        self._start = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) + timedelta(days=2)
        self.seconds = run.size(5, 1)

    def fresh(self, count: int) -> list[bytes]:
        """Return the requests of ``count`` bookings of slots and patients of their own."""
        self._made += 1
        return [
            self._stand.booking(
                self._stand.offer(f"cln-{self._made}-{n % 500}", self._start + timedelta(minutes=20 * (n // 500))),
                f"pat-{self._made}-{n}", n,
            )
            for n in range(count)
        ]  # fmt: skip

    def places(self, count: int, capacity: int) -> list[bytes]:
        """Return the requests of ``count`` bookings of places in SESSIONS new sessions."""
        self._made += 1
        offers = [
            self._stand.offer(f"clinic-{self._made}-{n}", self._start, 180, capacity=capacity) for n in range(SESSIONS)
        ]
        return [
            self._stand.booking(offers[n % SESSIONS], f"pat-{self._made}-{n}", n) for n in range(count)
        ]  # fmt: skip

    def hot(self, count: int) -> list[bytes]:
        """Return the requests of ``count`` people who want the same HOT slots."""
        self._made += 1
        offers = [self._stand.offer(f"hot-{self._made}-{n}", self._start) for n in range(HOT)]
        return [self._stand.booking(offers[n % HOT], f"pat-{self._made}-{n}", n) for n in range(count)]

    def drive(self, requests: Sequence[bytes], connections: int = CONNECTIONS) -> Outcome:
        """Send them; raise Unavailable unless each was granted."""
        outcome = asyncio.run(drive(self._stand.ports, requests, connections))
        if set(outcome.counts) != {201}:
            raise Unavailable(f"bookings of free slots were answered with {dict(outcome.counts)}")
        return outcome

    def pgbench(self, script: str) -> float:
        """Run a script of pgbench for as long as a round takes."""
        return run_pgbench(self._stand.server, self._folder, script, self.seconds)

    def postgres_seconds(self) -> float:
        """Return what PostgreSQL has taken so far."""
        return postgres_seconds(self._stand.server)


def measure(run: Run) -> list[Figure]:
    """Measure; about two minutes, ``run.quick`` half a minute."""
    folder = run.folder("booking")
    with run.step("two booking processes and a database"):
        context = booking_stand(folder, workers=WORKERS)
        stand = context.__enter__()
    try:
        rounds = Rounds(run, stand, folder)
        with psycopg.connect(stand.dsn) as connection:
            connection.execute(COUNTER)
            connection.execute("INSERT INTO clinic_counter SELECT n, 0 FROM generate_series(1, 10) AS n")
        with run.step("warming up"):
            rounds.drive(rounds.fresh(400))
        return [
            *_bookings(run, rounds), *_refusals(run, rounds), *_sessions(run, rounds),
            *asyncio.run(_elsewhere(run, rounds, stand)),
        ]  # fmt: skip
    finally:
        context.__exit__(None, None, None)


def _bookings(run: Run, rounds: Rounds) -> list[Figure]:
    http: list[float] = []
    alone: list[float] = []
    batched: list[float] = []
    unbatched: list[float] = []
    took: list[float] = []
    count = run.size(4000, 800)
    with run.step("bookings over HTTP and under pgbench") as step:
        for number in range(run.size(5, 2)):
            step.at(f"round {number + 1}")
            requests = rounds.fresh(count)
            before = rounds.postgres_seconds()
            outcome = rounds.drive(requests)
            batched.append((rounds.postgres_seconds() - before) / count)
            http.append(count / outcome.seconds)
            took += outcome.took
            before = rounds.postgres_seconds()
            alone.append(rounds.pgbench(pgbench.bookings()))
            unbatched.append((rounds.postgres_seconds() - before) / (alone[-1] * rounds.seconds))
    over_http, reference = statistics.median(http), statistics.median(alone)
    shared, own = statistics.median(batched), statistics.median(unbatched)
    run.keep("booking_rounds", {"http": http, "pgbench": alone})
    return [
        Figure(PART, "bookings over HTTP, two workers", round(over_http), "a second"),
        Figure(PART, "booking over HTTP, p50", round(percentile(took, 50), 1), "ms"),
        Figure(PART, "booking over HTTP, p99", round(percentile(took, 99), 1), "ms"),
        Figure(PART, "the same SQL under pgbench", round(reference), "a second"),
        at_least(PART, "bookings, HTTP / pgbench", over_http / reference, "", 0.60),
        Figure(PART, "PostgreSQL's time a booking, batched", round(shared * 1e6), "us"),
        Figure(PART, "PostgreSQL's time a booking, unbatched", round(own * 1e6), "us"),
        at_most(PART, "PostgreSQL's time, batched / unbatched", shared / own, "", 0.40).because(
            "a batch saves transactions; visit, history, claims, answer, audit entry and event are written anyway"
        ),
    ]


def _refusals(run: Run, rounds: Rounds) -> list[Figure]:
    look: list[float] = []
    write: list[float] = []
    with run.step("refusals"):
        for script in (pgbench.taken(HOT),):
            rounds.pgbench(script)
        for _ in range(run.size(3, 1)):
            look.append(rounds.pgbench(pgbench.refusals(HOT)))
            write.append(rounds.pgbench(pgbench.bookings(keep_hot=HOT)))
    first, reference = statistics.median(look), statistics.median(write)
    return [
        Figure(PART, "refusals of ten slots, looking first", round(first), "a second"),
        Figure(PART, "refusals of ten slots, writing first", round(reference), "a second"),
        at_least(PART, "refusals, look-first / write-first", first / reference, "", 1.5),
    ]


def _sessions(run: Run, rounds: Rounds) -> list[Figure]:
    http: list[float] = []
    counter: list[float] = []
    count = run.size(4000, 800)
    with run.step("ten flu clinics"):
        for _ in range(run.size(5, 1)):
            http.append(count / rounds.drive(rounds.places(count, capacity=count // SESSIONS * 5 // 4)).seconds)
            counter.append(rounds.pgbench(pgbench.bookings(counter=COUNT)))
    over_http, reference = statistics.median(http), statistics.median(counter)
    return [
        Figure(PART, "flu clinics over HTTP", round(over_http), "a second"),
        Figure(PART, "flu clinics, one counter row each under pgbench", round(reference), "a second"),
        at_least(PART, "flu clinics, HTTP / pgbench counter row", over_http / reference, "", 2.0).because(
            "the reference writes visit, history, audit entry and event as well; over HTTP each takes a millisecond of "
            "Python besides, on the same two cores"
        ),
    ]


async def _elsewhere(run: Run, rounds: Rounds, stand: Stand) -> list[Figure]:
    """Book other clinicians' slots, quietly and while FIGHTERS people fight for HOT slots, in turns."""
    quiet: list[float] = []
    fought: list[float] = []
    count = run.size(300, 60)
    with run.step("bookings elsewhere while 200 fight for ten slots"):
        for _ in range(run.size(3, 1)):
            quiet += (await drive(stand.ports, rounds.fresh(count), 4, pause=0.02)).took
            crowd = rounds.hot(FIGHTERS * run.size(12, 4))
            fight = asyncio.create_task(drive(stand.ports, crowd, FIGHTERS, pause=PAUSE_SECONDS))
            await asyncio.sleep(0.5)
            fought += (await drive(stand.ports, rounds.fresh(count), 4, pause=0.02)).took
            won = (await fight).counts
            if won != {201: HOT, 409: len(crowd) - HOT}:
                raise Unavailable(f"{HOT} places were fought for; the answers were {dict(won)}")
    slower = percentile(fought, 50) / percentile(quiet, 50)
    return [
        Figure(PART, "booking elsewhere, quiet, p50", round(percentile(quiet, 50), 1), "ms"),
        Figure(PART, "booking elsewhere while 200 fight for ten slots, p50", round(percentile(fought, 50), 1), "ms"),
        at_most(PART, "booking elsewhere, fought / quiet, p50", slower, "", 1.5),
    ]
