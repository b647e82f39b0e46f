"""A million people who want what few can have, while the processes that serve them are killed every few seconds.

In waves two thousand attempts go for ten slots; whoever gets no answer, because a process died, sends the same key
again, as the contract says. One wave in four goes for a flu clinic with ten places. Then it is counted, in the database
and from what reached the bus, what there is too much or too little of:

- a double booking: overlapping claims on one resource, or a slot or place that more than one attempt was granted;
- a leaked slot: one that everybody wanted and nobody has, or a claim without a visit that stands;
- a lost event: one in the outbox that never reached the bus; a doubled one: two events (two ids) for one version of an
  appointment. The same event twice (the relay died between PutEvents and noting it) is the bus's own at-least-once,
  which consumers' inboxes take out; such repetitions are told, not counted as doubled.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg

from services.kernel.errors import Unavailable
from services.local.bench.booking_stand import Stand, booking_stand
from services.local.bench.bus_sink import BusSink, bus_sink
from services.local.bench.figures import Figure, exactly
from services.local.bench.load import LOST, drive
from services.local.bench.running import Run

PART = "contention"
WAVE = 2000
HOT = 10
CONNECTIONS = 100
CLINIC_EVERY = 4
KILL_SECONDS = 3.0
DRAIN_SECONDS = 60.0
# What an attempt may be told for now; it is sent again like one that was cut off.
LATER = frozenset({LOST, 429, 503})
OVERLAPS = """
SELECT count(*) FROM claim AS a JOIN claim AS b ON a.kind = b.kind AND a.resource_id = b.resource_id
    AND a.lane = b.lane AND a.period && b.period AND a.ctid < b.ctid
"""
WITHOUT_VISIT = """
SELECT
    (SELECT count(*) FROM claim AS c JOIN appointment AS a ON a.id = c.appointment_id WHERE a.status = 'cancelled')
    + (SELECT count(*) FROM appointment AS a WHERE a.status <> 'cancelled'
        AND NOT EXISTS (SELECT FROM claim AS c WHERE c.appointment_id = a.id AND c.kind = 'patient'))
"""
EVENTS = "SELECT event_id::text FROM outbox WHERE channel = 'bus'"
UNSENT = "SELECT count(*) FROM outbox WHERE channel = 'bus' AND sent_at IS NULL"
VISITS = "SELECT count(*), count(DISTINCT (clinician_id, starts_at)) FROM appointment WHERE status = 'booked'"


class Waves:
    """The attempts and what became of them."""

    def __init__(self, stand: Stand) -> None:
        self._stand = stand
        self._start = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) + timedelta(days=2)
        self.attempts = 0
        self.again = 0
        self.kills = 0
        self.wanted = 0
        self.granted = 0
        self.too_many = 0
        self.answers: Counter[int] = Counter()

    async def wave(self, number: int) -> None:
        """Send a wave, and again what was not answered, until all is decided."""
        clinic = number % CLINIC_EVERY == CLINIC_EVERY - 1
        offers = [
            self._stand.offer(f"cln-{number}-{n}", self._start, capacity=HOT if clinic else 0)
            for n in range(1 if clinic else HOT)
        ]
        requests = [
            self._stand.booking(offers[n % len(offers)], f"pat-{number}-{n}", n, key=f"{number}-{n}")
            for n in range(WAVE)
        ]
        granted: Counter[int] = Counter()
        open_ = list(range(WAVE))
        while open_:
            outcome = await drive(self._stand.ports, [requests[n] for n in open_], CONNECTIONS)
            for n, status in zip(open_, outcome.statuses, strict=True):
                if status == 201:
                    granted[n % len(offers)] += 1
                if status not in LATER:
                    self.answers[status] += 1
            open_ = [n for n, status in zip(open_, outcome.statuses, strict=True) if status in LATER]
            self.again += len(open_)
            if open_:
                await asyncio.sleep(0.2)
        places = HOT if clinic else 1
        self.attempts += WAVE
        self.wanted += HOT
        self.granted += sum(granted.values())
        self.too_many += sum(max(0, count - places) for count in granted.values())

    async def killing(self) -> None:
        """Kill one process after the other, every few seconds, and start it again."""
        number = 0
        while True:
            await asyncio.sleep(KILL_SECONDS)
            self._stand.workers[number].kill()
            self.kills += 1
            await asyncio.to_thread(self._stand.workers[number].stop)
            await asyncio.to_thread(self._stand.begin, number)
            number = (number + 1) % len(self._stand.workers)


def measure(run: Run) -> list[Figure]:
    """Measure: 1,000,000 attempts, ``run.quick`` 20,000."""
    folder = run.folder("contention")
    with bus_sink() as sink, booking_stand(folder, aws=sink.url) as stand:
        waves = Waves(stand)
        began = time.monotonic()
        with run.step("contended attempts, processes killed meanwhile") as step:
            asyncio.run(_all(waves, run.size(1_000_000, 20_000) // WAVE, step.at))
        seconds = time.monotonic() - began
        with run.step("counting"):
            return _counted(waves, stand, sink, seconds)


async def _all(waves: Waves, count: int, tell: Any) -> None:
    killing = asyncio.create_task(waves.killing())
    try:
        for number in range(count):
            await waves.wave(number)
            tell(f"{waves.attempts:,} attempts, {waves.kills} kills")
            if killing.done():
                killing.result()
    finally:
        killing.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await killing


def _counted(waves: Waves, stand: Stand, sink: BusSink, seconds: float) -> list[Figure]:
    for number, worker in enumerate(stand.workers):
        if not worker.running:
            stand.begin(number)
    with psycopg.connect(stand.dsn, autocommit=True) as connection:

        def one(query: str) -> tuple[Any, ...]:
            return connection.execute(query).fetchone() or ()

        deadline = time.monotonic() + DRAIN_SECONDS
        while one(UNSENT)[0] and time.monotonic() < deadline:
            time.sleep(0.1)
        [overlaps], [astray], [visits, _] = one(OVERLAPS), one(WITHOUT_VISIT), one(VISITS)
        told = {row[0] for row in connection.execute(EVENTS)}
    if set(waves.answers) - {201, 409}:
        raise Unavailable(f"attempts were answered with {dict(waves.answers)}")
    versions = Counter((event["data"]["appointment_id"], event["data"]["version"]) for event in sink.events.values())
    doubled = sum(count - 1 for count in versions.values())
    return [
        Figure(PART, "contended attempts", waves.attempts, ""),
        Figure(PART, "processes killed", waves.kills, "times"),
        Figure(PART, "attempts sent again", waves.again, ""),
        Figure(PART, "attempts decided", round(waves.attempts / seconds), "a second"),
        exactly(PART, "double bookings", overlaps + waves.too_many + max(0, visits - waves.wanted), "", 0),
        exactly(PART, "leaked slots", astray + max(0, waves.wanted - visits), "", 0),
        exactly(PART, "answers that the database does not know", abs(waves.granted - visits), "", 0),
        exactly(PART, "lost events", len(told - set(sink.events)) + abs(visits - len(told)), "", 0),
        exactly(PART, "doubled events", doubled, "", 0),
        Figure(PART, "events the bus was given again", sink.repeated, ""),
    ]
