"""`careslot drill isolation`: kill each service in turn under load, hold it down, let it up, and note what was seen."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import psycopg

from services.kernel.errors import CareslotError, Unavailable
from services.local.demo.client import Person, signed_in
from services.local.drill.ground import Ground
from services.local.drill.load import Cast, Load
from services.local.drill.observations import Outage, Timeline
from services.local.drill.probes import PROBES, Probe
from services.local.outage import hold_down, let_up
from services.local.progress import Progress
from services.local.state import PlatformState, running_platform

LOOK_SECONDS = 0.25
# What a running load keeps in queues at any moment.
NEVER_EMPTY = 20
PATIENCE_SECONDS = 120.0
OWN_PATIENTS = 12
LEAST_PATIENTS = 60
MOST_FACILITIES = 40
HAND_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Plan:
    """Which services, how many seconds each is down at least, and how much load (1.0: some fifteen requests a second).

    Before and after are measured half as long.
    """

    folder: Path
    services: Sequence[str]
    seconds: float
    rate: float


async def drill(plan: Plan, progress: Progress) -> list[Outage]:
    """Put the platform in ``plan.folder`` through every outage; return what was seen. Everything is up afterwards."""
    state = running_platform(plan.folder)
    load = Load(state.gateway, await asyncio.to_thread(_cast, state), plan.rate)
    outages: list[Outage] = []
    async with load:
        for service in plan.services:
            load.cast = await asyncio.to_thread(_cast, state)  # tokens last fifteen minutes
            with progress.step(f"without {service}") as told:
                outage = await _Round(plan, load, Ground(state, load), service, told.at).run()
                line = outage.timeline
                told.done(f"{len(outage.calls)} requests, down for {line.started - line.killed:.0f} s")
                outages.append(outage)
    return outages


def _cast(state: PlatformState) -> Cast:
    with psycopg.connect(state.databases["directory"]) as connection:
        query = "SELECT patient_id FROM patients WHERE active ORDER BY patient_id OFFSET 5 LIMIT 1000"
        patients = [row[0] for row in connection.execute(query).fetchall()]
    if len(patients) < LEAST_PATIENTS:
        raise Unavailable(f"a drill needs {LEAST_PATIENTS} patients, the platform has {len(patients)}")
    scheduler = Person(state, "scheduler")
    facilities = scheduler.get("/directory/facilities", limit=MOST_FACILITIES)["facilities"]
    desk = state.user("frontdesk")
    return Cast(
        scheduler.token, signed_in(state, desk.username), signed_in(state, "auditor"), desk.facilities[0],
        patients[:-OWN_PATIENTS], patients[-OWN_PATIENTS:], facilities,
    )  # fmt: skip


class _Round:
    """One service's outage."""

    def __init__(self, plan: Plan, load: Load, ground: Ground, service: str, tell: Callable[[str], None]) -> None:
        self._plan = plan
        self._load = load
        self._ground = ground
        self._service = service
        self._tell = tell
        self._probe: Probe = PROBES[service](ground)

    async def run(self) -> Outage:
        """Measure before, during and after; let the service up whatever happens."""
        load, service, half = self._load, self._service, self._plan.seconds / 2
        load.calls = []
        load.running.set()
        await self._offers_in_hand()
        await asyncio.to_thread(self._probe.before)
        dead = await asyncio.to_thread(self._ground.dead_letters)
        try:
            began = time.monotonic()
            self._tell("all is up")
            await asyncio.sleep(half)
            usual = await asyncio.to_thread(self._ground.waiting, service)
            self._probe.killed_at, killed = datetime.now(UTC), time.monotonic()
            self._tell("killed, and held down")
            await asyncio.to_thread(hold_down, self._plan.folder, service, crash=True)
            stopped = time.monotonic()
            await asyncio.sleep(self._plan.seconds)
            await asyncio.to_thread(self._probe.meanwhile)
        finally:
            self._probe.started_at, started = datetime.now(UTC), time.monotonic()
            with suppress(CareslotError):  # what does not come back is seen below
                await asyncio.to_thread(let_up, self._plan.folder, service)
        self._tell("coming back")
        back = await self._first_answer(started)
        caught_up = await self._caught_up(usual + NEVER_EMPTY)
        await asyncio.sleep(half)
        ended = time.monotonic()
        await load.pause()
        calls = list(load.calls)
        self._tell("settling")
        left = await self._settled()
        await asyncio.to_thread(self._probe.after)
        counts = {
            **self._probe.counts, "left waiting": left,
            "new dead letters": await asyncio.to_thread(self._ground.dead_letters) - dead,
        }  # fmt: skip
        await asyncio.to_thread(self._probe.tidy)
        return Outage(service, Timeline(began, killed, stopped, started, back, caught_up, ended), calls, counts)

    async def _offers_in_hand(self) -> None:
        """Wait until there are offers enough for the whole outage."""
        wanted = int(self._plan.seconds * 3 * self._plan.rate)
        await self._until(lambda: self._load.offers_in_hand() >= wanted, HAND_SECONDS)

    async def _first_answer(self, started: float) -> float:
        """Return when the service first did what it was asked after ``started``; never: the end of patience."""

        def answered() -> list[float]:
            return [c.at for c in self._load.calls if c.service == self._service and c.done and c.at > started]

        await self._until(lambda: bool(answered()))
        return min(answered(), default=time.monotonic())

    async def _caught_up(self, usual: int) -> float:
        """Return when no more waits for the service than ``usual``; never: the end of patience."""
        await self._until(lambda: self._ground.waiting(self._service) <= usual)
        return time.monotonic()

    async def _settled(self) -> int:
        """Wait until nothing is on its way any more; return what still is when patience ends."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        quiet = left = 0
        while quiet < 3 and time.monotonic() < deadline:
            left = await asyncio.to_thread(self._ground.waiting)
            quiet = 0 if left else quiet + 1
            await asyncio.sleep(LOOK_SECONDS)
        return left

    async def _until(self, so: Callable[[], bool], seconds: float = PATIENCE_SECONDS) -> None:
        """Wait until it is ``so``, which may block, or patience ends."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while not await asyncio.to_thread(so):  # noqa: ASYNC110 -- nobody tells
                    await asyncio.sleep(LOOK_SECONDS)
