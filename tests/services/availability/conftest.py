"""Fixtures of availability's tests."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from services.kernel.database import Database
from tests.fixtures.platform import NewDatabase
from tests.services.availability.bench import Bench, in_memory, on_postgres


@pytest_asyncio.fixture
async def opened(database: NewDatabase) -> AsyncIterator[Database]:
    """Return availability's own fresh database, open."""
    fresh = Database(database("availability"), application="test", max_size=4)
    await fresh.open()
    yield fresh
    await fresh.close()


@pytest.fixture(params=["memory", "postgres"])
def bench(request: pytest.FixtureRequest) -> Bench:
    """Return the use cases over memory, then over PostgreSQL."""
    if request.param == "memory":
        return in_memory()
    return on_postgres(request.getfixturevalue("opened"))
