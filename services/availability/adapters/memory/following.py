"""Keeps an index of this process: builds it, follows the changes that anyone commits, says when it cannot be trusted.

The cursor stands at the last change whose transaction is older than every running one: `id > last` alone loses what
commits late. Changes after it that are visible already are read at once too, and once more when the cursor passes
them: so a long transaction elsewhere delays nothing, and nothing is lost.
"""

import asyncio
import time
from collections import deque
from dataclasses import dataclass
from typing import Literal

import asyncpg
from prometheus_client import Gauge

from services.availability.adapters.memory.axis import Outgrown
from services.availability.adapters.memory.building import TooLarge, build
from services.availability.adapters.memory.index import SearchIndex
from services.availability.adapters.memory.rereading import Touched, reread
from services.kernel.clock import Clock
from services.kernel.database import Connection, Database
from services.kernel.errors import Unavailable
from services.kernel.telemetry import logger

# The wake comes from transactions of this process; those of others are found by looking.
LOOK_SECONDS = 0.05
# An index that was not brought up to date for so long answers nothing.
STALE_SECONDS = 5.0
RETRY_SECONDS = 5.0
PAGE = 5000
# Changes are kept for a quarter of an hour; who was away for ten minutes begins anew.
SAMPLE_SECONDS, SAMPLES = 60.0, 15
AWAY_SECONDS = 600.0
Reason = Literal["building", "stale", "too-large"]

ROWS = Gauge("careslot_search_index_sessions", "Sessions in the search index of this process.")
BYTES = Gauge("careslot_search_index_bytes", "Memory of the search index of this process.")
AGE = Gauge("careslot_search_index_age_seconds", "Time since the search index of this process was last up to date.")
BUILT = Gauge("careslot_search_index_build_seconds", "How long the last build of the search index took.")

_CHANGES = """
    SELECT xid::text AS xid, id, kind, about, room_id, starts_at, ends_at,
        xid < pg_snapshot_xmin(pg_current_snapshot()) AS settled
    FROM search_change WHERE (xid, id) > ($1::text::xid8, $2) ORDER BY search_change.xid, id LIMIT $3
"""
_OLDEST = "SELECT pg_snapshot_xmin(pg_current_snapshot())::text"
_FORGET = "DELETE FROM search_change WHERE xid < $1::text::xid8"


@dataclass(slots=True)
class Follower:
    """An index and how far its changes were read."""

    index: SearchIndex
    cursor: tuple[int, int]
    # Read ahead of the cursor, by id.
    ahead: set[int]

    async def catch_up(self, connection: Connection) -> int:
        """Read what changed; return how many changes were new."""
        touched, new = Touched(), 0
        at = cursor = self.cursor
        ahead: set[int] = set()
        settled = True
        while True:
            rows = await connection.fetch(_CHANGES, str(at[0]), at[1], PAGE)
            for row in rows:
                at = int(row["xid"]), row["id"]
                settled = settled and row["settled"]
                if row["id"] not in self.ahead:
                    touched.add(self.index.axis, row)
                    new += 1
                if settled:
                    cursor = at
                else:
                    ahead.add(row["id"])
            if len(rows) < PAGE:
                break
        if new:
            await reread(connection, self.index, touched)
        # Only now: had reading failed, all of it would have to be read again.
        self.cursor, self.ahead = cursor, ahead
        return new


class IndexKeeper:
    """Runs beside the service; ``current`` is the index while it may be answered from."""

    def __init__(self, database: Database, clock: Clock, most_bytes: int) -> None:
        self._database = database
        self._clock = clock
        self._most_bytes = most_bytes
        self._follower: Follower | None = None
        self._fresh_at = time.monotonic()
        self._woken = asyncio.Event()
        self._waits: Reason = "building"
        self._settled: deque[str] = deque(maxlen=SAMPLES)
        self._sampled_at = 0.0

    def current(self) -> SearchIndex | Reason:
        """Return the index, or why there is none to answer from."""
        if self._follower is None:
            return self._waits
        return "stale" if time.monotonic() - self._fresh_at > STALE_SECONDS else self._follower.index

    async def check(self) -> None:
        """Say on the readiness page which path serves: raise Unavailable while it is SQL."""
        current = self.current()
        if isinstance(current, str):
            raise Unavailable(f"Searches are answered by the database: the index is {current}.")

    def wake(self) -> None:
        """Look for changes now; called after each transaction of this process."""
        self._woken.set()

    async def run(self) -> None:
        """Keep the index until cancelled; whatever goes wrong, searches go on in SQL and it is tried again."""
        self._database.after_commit(self.wake)
        AGE.set_function(lambda: time.monotonic() - self._fresh_at)
        while True:
            wait = RETRY_SECONDS
            try:
                await self._build()
                await self._follow()
            except Outgrown:
                logger().info("search index outgrown")
                wait = 0.0
            except TooLarge:
                self._waits, wait = "too-large", 3600.0
                logger().warning("search index too large", most_megabytes=self._most_bytes // 2**20)
            except Exception as error:
                logger().warning("search index waits", error_type=type(error).__name__)
            # Let go before the next is built: two at a time might not fit.
            self._follower = None
            await asyncio.sleep(wait)

    async def _build(self) -> None:
        self._waits = "building"
        began = time.monotonic()
        built = await build(self._database, self._clock.now(), self._most_bytes)
        self._follower = Follower(built.index, built.cursor, set())
        took = time.monotonic() - began
        BUILT.set(took)
        logger().info("search index built", sessions=built.index.sessions, took=round(took, 2))

    async def _follow(self) -> None:
        follower = self._follower
        assert follower is not None, "it was just built"
        last = time.monotonic()
        while True:
            try:
                async with self._database.connection() as connection:
                    while True:
                        self._woken.clear()
                        began = time.monotonic()
                        await follower.catch_up(connection)
                        last = self._fresh_at = began
                        await self._upkeep(connection, follower.index)
                        await self._wait()
            except (Unavailable, OSError, asyncpg.PostgresError) as error:
                logger().warning("search index is behind", error_type=type(error).__name__)
                await asyncio.sleep(1.0)
            if time.monotonic() - last > AWAY_SECONDS:
                return

    async def _wait(self) -> None:
        try:
            async with asyncio.timeout(LOOK_SECONDS):
                await self._woken.wait()
        except TimeoutError:
            pass

    async def _upkeep(self, connection: Connection, index: SearchIndex) -> None:
        """Tell of the index, and forget changes that everyone who is not lost has read."""
        if time.monotonic() - self._sampled_at < SAMPLE_SECONDS:
            return
        self._sampled_at = time.monotonic()
        ROWS.set(index.sessions)
        BYTES.set(index.bytes)
        if len(self._settled) == SAMPLES:
            await connection.execute(_FORGET, self._settled[0])
        self._settled.append(await connection.fetchval(_OLDEST))
