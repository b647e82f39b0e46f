"""What is asked all day long reads the rows it wants, however young a table is and however wrong its statistics."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta
from uuid import uuid4

import pytest_asyncio

from services.booking.adapters.looking import Looker
from services.booking.adapters.merging import PostgresMerging
from services.booking.ports import Question, Submission
from services.kernel.aliases import Aliases
from services.kernel.clock import FixedClock
from services.kernel.database import Database
from tests.fixtures.platform import NewDatabase
from tests.services.booking.world import NOW, START, offer, world_over

ROWS = 5000
QUESTIONS = 64
READ = """
SELECT sum(seq_tup_read + coalesce(idx_tup_fetch, 0))::int FROM pg_stat_user_tables
WHERE relname IN ('appointment', 'idempotency', 'session_place', 'waiting_demand')
"""


@pytest_asyncio.fixture
async def session(database: NewDatabase) -> AsyncIterator[Database]:
    """Return a pool of one session over a database with many visits of others."""
    dsn = database("booking")
    async with world_over(dsn) as world:
        assert (await world.book(offer())).status_code == 201
        assert (await world.book(offer(START + timedelta(hours=4), capacity=2000), "pat-000002")).status_code == 201
        for table in ("appointment", "idempotency"):
            columns = [
                row["attname"]
                for row in await world.rows(
                    "SELECT attname FROM pg_attribute WHERE attrelid = $1::regclass AND attnum > 0 ORDER BY attnum",
                    table,
                )
            ]
            own = {"id": "gen_random_uuid()", "patient_id": "'pat-' || n", "key": "'key-' || n"}
            values = ", ".join(own.get(column, column) for column in columns)
            await world.rows(
                f"INSERT INTO {table} SELECT {values} FROM (SELECT * FROM {table} LIMIT 1) AS one, "
                f"generate_series(1, {ROWS}) AS n"
            )
        for table in ("appointment", "idempotency", "session_place"):
            await world.rows(f"ANALYZE {table}")
    pool = Database(dsn, application="booking-test", max_size=1)
    await pool.open()
    try:
        yield pool
    finally:
        await pool.close()


async def rows_read(session: Database, work: Callable[[], Awaitable[object]]) -> int:
    """Do the work a few times, so that its plan is the lasting one; return how many rows the last time read."""
    read = 0
    for _ in range(7):
        before = await _counted(session)
        await work()
        read = await _counted(session) - before
    return read


async def _counted(session: Database) -> int:
    async with session.connection() as connection:
        await connection.execute("SELECT pg_stat_force_next_flush()")
        return int(await connection.fetchval(READ))


async def test_looks_read_no_table_to_its_end(session: Database) -> None:
    looker = Looker(session, Aliases())
    slots = [offer(START + timedelta(hours=n)) for n in range(QUESTIONS // 2)]
    slots += [offer(START + timedelta(hours=4), capacity=2000)] * (QUESTIONS // 2)
    questions = [
        Question(NOW, Submission("sub", str(n), bytes(32)), uuid4(), f"pat-{n}", slot) for n, slot in enumerate(slots)
    ]
    assert await rows_read(session, lambda: looker.together(questions)) <= 4 * QUESTIONS


async def test_the_sweep_of_merges_reads_nothing_when_nothing_was_merged(session: Database) -> None:
    assert await rows_read(session, PostgresMerging(session, FixedClock(NOW)).sweep) == 0
