"""A fresh waitlist service for each test that asks for one."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest_asyncio

from tests.fixtures.platform import NewDatabase
from tests.services.waitlist.world import World, world_over


@pytest_asyncio.fixture
async def world(database: NewDatabase) -> AsyncIterator[World]:
    """Return waitlist over a database of the test's own."""
    async with world_over(database("waitlist")) as made:
        yield made
