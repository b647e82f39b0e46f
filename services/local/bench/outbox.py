"""From commit to bus: how late the relay hands an event over, woken and polling, and how fast it empties the outbox.

The publisher is one that answers at once: measured is the way from a commit to the call of PutEvents, not the bus. The
wake is that of the committing process itself; a poll is what finds the rows of another process, or of one that died.
The rate of bookings it is compared with is booking's own SQL under pgbench in the same run, which writes two rows each
(an event and an audit entry): as many as the relay of a service at full speed could ever have to send.
"""

from __future__ import annotations

import asyncio
import contextlib
import statistics
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

from services.contracts.events import EVENTS
from services.kernel.database import Database
from services.kernel.outbox import Envelope, Relay, append_events
from services.local.bench import pgbench
from services.local.bench.figures import Figure, at_least, at_most, percentile
from services.local.bench.running import Run
from services.local.databases import ensure_databases, migrate_service
from services.local.postgres import PostgresServer

PART = "outbox"
BOOKED = "booking.appointment-booked.v1"
A_SECOND = 100
ROWS_A_BOOKING = 2
FILL = """
INSERT INTO outbox (event_id, channel, type, source, occurred_at, correlation_id, data)
SELECT gen_random_uuid(), 'bus', $2, 'careslot.booking', now(), '', $3 FROM generate_series(1, $1::int)
"""


class Arrivals:
    """A bus that answers at once and notes when each event reached it."""

    def __init__(self, awaited: int = 0) -> None:
        self.at: dict[int, float] = {}
        self.complete = asyncio.Event()
        self._awaited = awaited
        self.count = 0

    async def publish(self, batch: Sequence[Envelope]) -> frozenset[UUID]:
        """Take the batch."""
        now = time.perf_counter()
        self.count += len(batch)
        for event in batch:
            self.at.setdefault(int(event.data["version"]), now)
        if len(self.at) == self._awaited:
            self.complete.set()
        return frozenset()


def measure(run: Run) -> list[Figure]:
    """Measure; half a minute, ``run.quick`` ten seconds."""
    folder = run.folder("outbox")
    server = PostgresServer(folder / "postgres", log=folder / "postgres.log")
    try:
        with run.step("a database"):
            server.start()
            ensure_databases(server, ["booking"])
            migrate_service(server, "booking")
        commits = run.size(1000, 200)
        with run.step("events of this process, woken"):
            woken = asyncio.run(_late(server, commits, woken=True))
        with run.step("events of another process, polled"):
            polled = asyncio.run(_late(server, commits, woken=False))
        return [
            Figure(PART, "commit to PutEvents, woken, p50", round(percentile(woken, 50), 1), "ms"),
            at_most(PART, "commit to PutEvents, woken, p99", percentile(woken, 99), "ms", 25),
            Figure(PART, "commit to PutEvents, polled, p50", round(percentile(polled, 50), 1), "ms"),
            at_most(PART, "commit to PutEvents, polled, p99", percentile(polled, 99), "ms", 50),
            *_drained(run, server, folder),
        ]
    finally:
        server.stop()


@asynccontextmanager
async def _opened(server: PostgresServer) -> AsyncIterator[Database]:
    database = Database(server.dsn("booking"), application="bench", max_size=4)
    await database.open()
    try:
        yield database
    finally:
        await database.close()


async def _late(server: PostgresServer, commits: int, *, woken: bool) -> list[float]:
    """Commit ``commits`` events, A_SECOND a second; return how many milliseconds after its commit each arrived."""
    kind = EVENTS[BOOKED]
    async with _opened(server) as relayed, _opened(server) as other:
        arrivals = Arrivals(commits)
        relay = asyncio.create_task(Relay(relayed, {"bus": arrivals}, service="bench").run())
        writer = relayed if woken else other
        committed: dict[int, float] = {}
        for number in range(1, commits + 1):
            event = kind.model_validate({**kind.EXAMPLE, "version": number})
            async with writer.transaction() as connection:
                await append_events(connection, [event], datetime.now(UTC))
            committed[number] = time.perf_counter()
            await asyncio.sleep(1 / A_SECOND)
        async with asyncio.timeout(30):
            await arrivals.complete.wait()
        relay.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await relay
    # An event may be handed over before the committing task is told of its own commit.
    return [max(0.0, (arrivals.at[number] - at) * 1000) for number, at in committed.items()]


def _drained(run: Run, server: PostgresServer, folder: Path) -> list[Figure]:
    drains: list[float] = []
    bookings: list[float] = []
    with run.step("emptying the outbox, and bookings under pgbench"):
        for _ in range(run.size(5, 2)):
            drains.append(asyncio.run(_drain(server, run.size(20_000, 4000))))
            bookings.append(pgbench.run_pgbench(server, folder, pgbench.bookings(), run.size(4, 1)))
            asyncio.run(_forget(server))
    drain, booked = statistics.median(drains), statistics.median(bookings)
    return [
        Figure(PART, "outbox emptied, database side", round(drain), "rows a second"),
        Figure(PART, "bookings under pgbench", round(booked), "a second"),
        Figure(PART, "outbox emptied / rows that bookings write", round(drain / booked / ROWS_A_BOOKING, 2), ""),
        at_least(PART, "outbox emptied / booking rate", drain / booked, "", 5),
    ]


async def _drain(server: PostgresServer, rows: int) -> float:
    kind = EVENTS[BOOKED]
    async with _opened(server) as database:
        async with database.connection() as connection:
            await connection.execute(FILL, rows, BOOKED, kind.model_validate(kind.EXAMPLE).model_dump(mode="json"))
        arrivals = Arrivals()
        relay = Relay(database, {"bus": arrivals}, service="bench")
        began = time.perf_counter()
        while await relay.drain_once():
            pass
        return arrivals.count / (time.perf_counter() - began)


async def _forget(server: PostgresServer) -> None:
    """Take what pgbench wrote out of the outbox, so that each round begins with an empty one."""
    async with _opened(server) as database, database.connection() as connection:
        await connection.execute("TRUNCATE outbox")
