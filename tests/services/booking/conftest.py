"""A fresh booking service for each test that asks for one."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest_asyncio

from tests.fixtures.platform import NewDatabase
from tests.services.booking.world import World, world_over


@pytest_asyncio.fixture
async def world(database: NewDatabase) -> AsyncIterator[World]:
    """Return booking over a database of the test's own."""
    async with world_over(database("booking")) as made:
        yield made
