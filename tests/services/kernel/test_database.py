"""A transaction commits or leaves nothing, and an absent database is said to be absent."""

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import asyncpg
import pytest

from services.kernel.database import Connection, Database, migrate
from services.kernel.deadlines import deadline
from services.kernel.errors import Unavailable

KERNEL = Path(__file__).parents[3] / "services" / "kernel" / "migrations"


@pytest.fixture
async def opened(database: Callable[[str], str]) -> AsyncIterator[Database]:
    made = Database(database("kernel"), application="test", max_size=4, acquire_seconds=1.0)
    await made.open()
    yield made
    await made.close()


async def count(opened: Database) -> int:
    async with opened.connection() as connection:
        found: int = await connection.fetchval("SELECT count(*) FROM inbox")
        return found


async def insert(connection: Connection) -> None:
    await connection.execute("INSERT INTO inbox (consumer, event_id) VALUES ('c', gen_random_uuid())")


async def test_a_transaction_commits_and_tells_afterwards(opened: Database) -> None:
    told: list[int] = []
    opened.after_commit(lambda: told.append(1))
    async with opened.transaction() as connection:
        await insert(connection)
        assert not told
    assert told == [1]
    assert await count(opened) == 1


async def test_an_error_leaves_nothing_and_tells_nobody(opened: Database) -> None:
    told: list[int] = []
    opened.after_commit(lambda: told.append(1))
    with pytest.raises(KeyError):
        async with opened.transaction() as connection:
            await insert(connection)
            raise KeyError
    assert not told
    assert await count(opened) == 0


async def test_work_is_repeated_after_a_serialization_fault_and_not_after_others(opened: Database) -> None:
    tries = 0

    async def work(connection: Connection) -> str:
        nonlocal tries
        tries += 1
        await insert(connection)
        if tries < 3:
            raise asyncpg.DeadlockDetectedError
        return "done"

    assert await opened.run(work) == "done"
    assert (tries, await count(opened)) == (3, 1)

    async def wrong(_connection: Connection) -> None:
        nonlocal tries
        tries += 1
        raise ValueError

    with pytest.raises(ValueError):
        await opened.run(wrong)
    assert tries == 4


async def test_endless_contention_ends_as_unavailable(opened: Database) -> None:
    async def always(_connection: Connection) -> None:
        raise asyncpg.SerializationError

    with pytest.raises(Unavailable) as caught:
        await opened.run(always)
    assert caught.value.retry_after == 1


async def test_sessions_are_in_utc_and_bounded(opened: Database) -> None:
    async with opened.connection() as connection:
        assert await connection.fetchval("SHOW timezone") == "UTC"
        assert await connection.fetchval("SHOW statement_timeout") == "10s"
        assert await connection.fetchval("SHOW idle_in_transaction_session_timeout") == "15s"


async def test_a_database_that_is_not_there_is_unavailable(tmp_path: Path) -> None:
    absent = Database(f"postgresql://x@/x?host={tmp_path}", application="test", acquire_seconds=0.5)
    with pytest.raises(Unavailable):
        await absent.ping()
    await absent.open()
    with pytest.raises(Unavailable):
        await absent.ping()
    await absent.close()


async def test_a_pool_in_full_use_is_unavailable_not_endless(opened: Database) -> None:
    async with opened.connection(), opened.connection(), opened.connection(), opened.connection():
        with pytest.raises(Unavailable):
            await opened.ping()
    await opened.ping()


async def test_a_caller_with_little_time_is_not_served_longer_than_that(opened: Database) -> None:
    with deadline(0.2), pytest.raises(Unavailable):
        async with opened.transaction() as connection:
            await insert(connection)
            await connection.execute("SELECT pg_sleep(60)")
    assert await count(opened) == 0, "rolled back, and the connection is fit for use"
    with deadline(0), pytest.raises(Unavailable):
        async with opened.connection():
            pytest.fail("nothing is begun for somebody whose time is over")


async def test_closing_does_not_wait_for_a_connection_in_use(database: Callable[[str], str]) -> None:
    made = Database(database("kernel"), application="test")
    await made.open()
    holding = asyncio.Event()

    async def hold() -> None:
        async with made.connection() as connection:
            holding.set()
            await connection.execute("SELECT pg_sleep(30)")

    task = asyncio.create_task(hold())
    await holding.wait()
    await made.close()
    with pytest.raises(Unavailable):
        await task


def test_migrations_apply_once(database: Callable[[str], str]) -> None:
    assert migrate(database("kernel"), KERNEL) == 0
