"""Open-slot search at full size: 12,000 clinicians, 90 days, 21.6 million slots; in memory, in SQL and over HTTP.

Both answer the same queries on the same rows: the first 20 slots of a specialty (half of the queries by how many
clinicians it has, half any) within 50 km of a city, from now to six weeks ahead. SQL is the reference and has to agree
on every one. Over HTTP the application runs in a process of its own and takes 300 of booking's events a second beside
eight clients. Freshness is measured from the commit of another process's transaction to the first search that shows it.
"""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta

import aiohttp

from services.availability.adapters.memory.building import build
from services.availability.adapters.memory.following import IndexKeeper
from services.availability.adapters.memory.index import SearchIndex
from services.availability.adapters.memory.querying import first
from services.availability.adapters.postgres import store_of
from services.availability.adapters.postgres_search import PostgresSlotSearch
from services.availability.adapters.zip_centroids import PackagedZipCentroids
from services.availability.consumers import on_bookings
from services.availability.domain.places import Place, distance_km
from services.availability.domain.slots import OpenSlot, SlotQuery
from services.kernel.clock import SystemClock
from services.kernel.database import Database
from services.kernel.errors import Unavailable
from services.kernel.inbox import take_many_once
from services.kernel.outbox import Envelope
from services.kernel.telemetry import configure_logging
from services.local.bench.figures import Figure, at_least, at_most, exactly, percentile
from services.local.bench.running import Run
from services.local.bench.search_data import CITIES, Size, fill
from services.local.bench.search_load import Bookings, Searches, booked, cancelled
from services.local.child import Child
from services.local.databases import ensure_database, migrate_service
from services.local.holding import free_port
from services.local.postgres import PostgresServer
from services.local.postgres_faults import MEGABYTE

PART = "search"
RADIUS_KM = 50.0
LIMIT = 20
CLIENTS = 8
BOOKINGS_A_SECOND = 300
PROBES_AT_ONCE = 4
PATIENCE_SECONDS = 120.0
SEEN_SECONDS = 5.0


def measure(run: Run) -> list[Figure]:
    """Make the data and measure; the full size takes some five minutes and 4 GB of disk."""
    # The keeper of the index logs to standard output, which belongs to the bench's JSON.
    configure_logging("bench", "ERROR")
    size = Size(run.size(12_000, 600))
    server = PostgresServer(run.folder("search") / "pg", room=run.size(5000, 500) * MEGABYTE)
    server.start()
    try:
        ensure_database(server, "availability", owner="availability")
        migrate_service(server, "availability")
        dsn = server.dsn("availability")
        with run.step(f"{size.slots:,} slots") as step:
            fill(dsn, size, step.at)
        return asyncio.run(_measure(run, dsn, size))
    finally:
        server.stop()


async def _measure(run: Run, dsn: str, size: Size) -> list[Figure]:
    database = Database(dsn, application="bench", statement_seconds=120)
    await database.open()
    try:
        figures = [Figure(PART, "slots, open and taken", size.slots, "")]
        with run.step("building the index"):
            began = time.perf_counter()
            index = (await build(database, datetime.now(UTC), 2**30)).index
            figures += [
                at_most(PART, "index build", time.perf_counter() - began, "s", 5),
                at_most(PART, "index memory", index.bytes / 1e6, "MB", 100),
            ]
        near = await _near(database)
        with run.step("asking both"):
            figures += await _both(database, index, Searches(near, 7), run.size(3000, 200), run.size(1000, 100))
        del index
        with run.step("freshness"):
            figures += await _freshness(dsn, database, Searches(near, 8), size, run.size(200, 20))
        with run.step("over HTTP"):
            figures += await _over_http(run, dsn, size, Searches(near, 9), run.size(30, 5))
        return figures
    finally:
        await database.close()


async def _near(database: Database) -> Mapping[str, Mapping[str, float]]:
    """Return for each city the facilities within the radius, with their distance."""
    async with database.connection() as connection:
        rows = await connection.fetch("SELECT facility_id, latitude, longitude FROM facility")
    zips, found = PackagedZipCentroids(), {}
    for code, _ in CITIES:
        center = zips.find(code)
        assert center is not None, code
        away = {row["facility_id"]: distance_km(center, Place(row["latitude"], row["longitude"])) for row in rows}
        found[code] = {name: round(km, 1) for name, km in away.items() if km <= RADIUS_KM}
    return found


async def _both(database: Database, index: SearchIndex, searches: Searches, many: int, compared: int) -> list[Figure]:
    now, sql = datetime.now(UTC), PostgresSlotSearch(database)
    queries = [searches.next(now) for _ in range(many)]
    memory_ms, processor_ms, sql_ms, agreed = [], [], [], 0
    answers = []
    for query in queries:
        began, used = time.perf_counter(), time.thread_time()
        answers.append(list(first(index, query, LIMIT, now)))
        processor_ms.append((time.thread_time() - used) * 1000)
        memory_ms.append((time.perf_counter() - began) * 1000)
    for query, answer in zip(queries[:compared], answers, strict=False):
        began = time.perf_counter()
        expected = list(await sql.first(query, LIMIT, now))
        sql_ms.append((time.perf_counter() - began) * 1000)
        agreed += answer == expected
    return [
        Figure(PART, "in process, memory, p50", round(percentile(memory_ms, 50), 3), "ms"),
        at_most(PART, "in process, memory, p99", percentile(memory_ms, 99), "ms", 1).because(
            "starts are worked out anew for each question, so that any length and grid is exact"
        ),
        Figure(PART, "in process, memory, p99 of processor time", round(percentile(processor_ms, 99), 3), "ms"),
        Figure(PART, "in process, SQL, p50", round(percentile(sql_ms, 50), 2), "ms"),
        at_most(PART, "in process, SQL, p99", percentile(sql_ms, 99), "ms", 5).because(
            "SQL is the fallback: free ranges kept as rows would be faster, and every booking slower (decision 0092)"
        ),
        at_least(PART, f"agreement on {compared} queries", 100 * agreed / compared, "%", 100),
    ]


async def _freshness(dsn: str, database: Database, searches: Searches, size: Size, probes: int) -> list[Figure]:
    """Book and cancel open slots through another pool: nothing but the database tells the index of it."""
    elsewhere = Database(dsn, application="elsewhere", max_size=PROBES_AT_ONCE * 2)
    await elsewhere.open()
    keeper = IndexKeeper(database, SystemClock(), 2**30)
    keeping = asyncio.create_task(keeper.run())
    try:
        await _ready(keeper)
        slots: dict[str, OpenSlot] = {}
        while len(slots) < probes:
            now = datetime.now(UTC)
            for slot in first(_index(keeper), searches.next(now), LIMIT, now):
                slots.setdefault(slot.clinician_id, slot)
        places = asyncio.Semaphore(PROBES_AT_ONCE)

        async def probe(slot: OpenSlot) -> list[float]:
            async with places:
                taking = booked(slot)
                late = [await _seen(keeper, elsewhere, slot, taking, there=False)]
                return [*late, await _seen(keeper, elsewhere, slot, cancelled(taking.data), there=True)]

        late = [one for pair in await asyncio.gather(*map(probe, list(slots.values())[:probes])) for one in pair]
        missed = await _missed(keeper, database, elsewhere, size, probes * 10)
        return [
            Figure(PART, "freshness, p50", round(percentile(late, 50), 1), "ms"),
            at_most(PART, "freshness, p99", percentile(late, 99), "ms", 150),
            exactly(PART, f"changes missed, of {probes * 10} in a rush", missed, "", 0),
        ]
    finally:
        keeping.cancel()
        await asyncio.gather(keeping, return_exceptions=True)
        await elsewhere.close()


async def _seen(keeper: IndexKeeper, elsewhere: Database, slot: OpenSlot, event: Envelope, *, there: bool) -> float:
    """Commit ``event`` and return how many milliseconds pass until a search shows it."""
    await take_many_once(elsewhere, "elsewhere", [event], on_bookings, store_of)
    began = time.perf_counter()
    query = _only(slot)
    while (time.perf_counter() - began) < SEEN_SECONDS:
        found = first(_index(keeper), query, 1, datetime.now(UTC))
        if bool(found) == there:
            break
        await asyncio.sleep(0.001)
    return (time.perf_counter() - began) * 1000


def _only(slot: OpenSlot) -> SlotQuery:
    minutes = int((slot.ends_at - slot.starts_at).total_seconds() // 60)
    return SlotQuery(
        slot.specialty, slot.visit_type, minutes, slot.starts_at, slot.starts_at + timedelta(seconds=1),
        clinician_ids=(slot.clinician_id,),
    )  # fmt: skip


async def _missed(keeper: IndexKeeper, database: Database, elsewhere: Database, size: Size, many: int) -> int:
    """Book and cancel ``many`` times at once; return around how many of these memory and SQL differ then."""
    bookings = Bookings(size, seed=11)
    events = [bookings.next() for _ in range(many)]
    places = asyncio.Semaphore(PROBES_AT_ONCE)

    async def one(event: Envelope) -> None:
        async with places:
            await take_many_once(elsewhere, "elsewhere", [event], on_bookings, store_of)

    await asyncio.gather(*map(one, events))
    await asyncio.sleep(1.0)
    async with database.connection() as connection:
        rows = await connection.fetch("SELECT clinician_id, specialty FROM clinician")
    specialties = {row["clinician_id"]: row["specialty"] for row in rows}
    now, sql, missed = datetime.now(UTC), PostgresSlotSearch(database), 0
    for event in events:
        name, at = event.data["clinician_id"], datetime.fromisoformat(event.data["starts_at"])
        since, until = at - timedelta(hours=1), at + timedelta(hours=1)
        query = SlotQuery(specialties[name], "any", 20, since, until, clinician_ids=(name,))
        missed += list(first(_index(keeper), query, LIMIT, now)) != list(await sql.first(query, LIMIT, now))
    return missed


def _index(keeper: IndexKeeper) -> SearchIndex:
    current = keeper.current()
    if isinstance(current, str):
        raise Unavailable(f"the index is {current}: is the machine overloaded?")
    return current


async def _ready(keeper: IndexKeeper) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while isinstance(keeper.current(), str):
        if time.monotonic() > deadline:
            raise Unavailable("the index was not built in time")
        await asyncio.sleep(0.1)


async def _over_http(run: Run, dsn: str, size: Size, searches: Searches, seconds: int) -> list[Figure]:
    port, folder = free_port(), run.folder("search-app")
    env = {
        **os.environ, "BENCH_DATABASE": dsn, "BENCH_CLINICIANS": str(size.clinicians), "BENCH_PORT": str(port),
        "BENCH_RATE": str(BOOKINGS_A_SECOND),
    }  # fmt: skip
    child = Child(
        "availability", [sys.executable, "-m", "services.local.bench.search_app"], log=folder / "log", env=env
    )
    child.start()
    try:
        async with aiohttp.ClientSession(f"http://127.0.0.1:{port}", headers={"Authorization": "Bearer x"}) as session:
            await _serving(session)
            before = await _taken(dsn)
            took = await _clients(session, searches, seconds)
            taken = (await _taken(dsn) - before) / seconds
    finally:
        child.stop()
    return [
        Figure(PART, f"over HTTP, {CLIENTS} clients", round(len(took) / seconds), "a second"),
        Figure(PART, "bookings beside", round(taken), "a second"),
        Figure(PART, "over HTTP, p50", round(percentile(took, 50), 2), "ms"),
        at_most(PART, "over HTTP, p99", percentile(took, 99), "ms", 15).because(
            f"{CLIENTS} clients without a pause keep one process at its limit, so that each waits for the others"
        ),
    ]


async def _serving(session: aiohttp.ClientSession) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        try:
            async with session.get("/readyz") as answer:
                if answer.ok:
                    return
        except aiohttp.ClientError:
            pass
        await asyncio.sleep(0.2)
    raise Unavailable("availability did not come up with its index")


async def _taken(dsn: str) -> int:
    """Return how many events were taken so far."""
    database = Database(dsn, application="bench", max_size=1)
    await database.open()
    try:
        async with database.connection() as connection:
            return int(await connection.fetchval("SELECT count(*) FROM inbox"))
    finally:
        await database.close()


async def _clients(session: aiohttp.ClientSession, searches: Searches, seconds: int) -> Sequence[float]:
    took: list[float] = []
    deadline = time.monotonic() + seconds

    async def client() -> None:
        while time.monotonic() < deadline:
            began = time.perf_counter()
            async with session.get("/slots", params=searches.parameters(datetime.now(UTC))) as answer:
                await answer.read()
                answer.raise_for_status()
            took.append((time.perf_counter() - began) * 1000)

    await asyncio.gather(*(client() for _ in range(CLIENTS)))
    return took
