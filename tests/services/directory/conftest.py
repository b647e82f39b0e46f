"""A directory over real PostgreSQL for each test that asks for one, holding the small world of fakes.py."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass

import httpx
import pytest_asyncio
from fastapi import FastAPI

from services.directory.adapters.postgres import unit_of_work
from services.directory.main import create
from services.directory.ports import Account, UnitOfWork
from services.directory.usecases import Rules, assemble
from services.directory.usecases.bulk import bulk_record
from services.kernel.clock import FixedClock
from services.kernel.database import Database
from tests.fixtures.edge import client_of, edge_of
from tests.fixtures.glass import glass_key, glass_keys
from tests.fixtures.platform import NewDatabase
from tests.services.directory.fakes import ACTORS, NOW, WORLD, FakeAccounts, FakeZipCodes


@dataclass(slots=True)
class Served:
    """A directory in this process."""

    app: FastAPI
    database: Database
    begin: UnitOfWork
    accounts: FakeAccounts

    def client(self, who: str = "") -> httpx.AsyncClient:
        """Return a client that signs its requests as one of ACTORS."""
        return client_of(self.app, who)

    async def outbox(self, channel: str) -> list[dict[str, object]]:
        """Return what waits to be sent on ``channel`` since the world was made."""
        async with self.database.connection() as connection:
            rows = await connection.fetch("SELECT type, data FROM outbox WHERE channel = $1 ORDER BY id", channel)
        return [{"type": row["type"], **row["data"]} for row in rows]


@pytest_asyncio.fixture
async def served(database: NewDatabase) -> AsyncIterator[Served]:
    """Return a directory over a database of the test's own; its outbox starts empty."""
    store = Database(database("directory"), application="test", max_size=4)
    await store.open()
    begin = unit_of_work(store)
    async with begin() as unit:
        await bulk_record(unit, WORLD, NOW)
    async with store.connection() as connection:
        await connection.execute("DELETE FROM outbox")
    accounts = FakeAccounts(Account("frontdesk", "frontdesk"))
    app = create()
    app.state.edge = edge_of("directory", store, ACTORS, FixedClock(NOW), glass_keys())
    app.state.directory = assemble(begin, FakeZipCodes(), accounts, glass_key().sign, FixedClock(NOW), Rules())
    yield Served(app, store, begin, accounts)
    await store.close()
