"""What was given for a while and taken back before its time: tokens are checked by themselves, so they must be told.

The table holds what was ended and could still be shown: a handful of rows, read whole every second, so that a request
asks memory. Who does not hear of an end in time is held to the token's own, which is short.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from typing import TYPE_CHECKING

from services.kernel.actor import Emergency
from services.kernel.database import Database
from services.kernel.errors import Unauthenticated
from services.kernel.telemetry import logger

if TYPE_CHECKING:
    from services.kernel.http import Edge, ReadEmergency

REFRESH_SECONDS = 1.0


class Revocations:
    """The ids of emergency accesses that were ended, as of the last look; ``statement`` returns them."""

    def __init__(self, read: "ReadEmergency", statement: str) -> None:
        self._read = read
        self._statement = statement
        self._ended: frozenset[str] = frozenset()

    async def refresh(self, database: Database) -> None:
        """Look again."""
        async with database.connection() as connection:
            self._ended = frozenset(row[0] for row in await connection.fetch(self._statement))

    def __call__(self, token: str, subject: str, now: datetime) -> Emergency:
        """Return what ``token`` opens to ``subject``; raise Unauthenticated for what was ended too."""
        emergency = self._read(token, subject, now)
        if emergency.id in self._ended:
            raise Unauthenticated("The emergency access has ended; renew or open it anew.", slug="break-glass-ended")
        return emergency


@asynccontextmanager
async def following_revocations(edge: "Edge", database: Database, statement: str) -> AsyncIterator[Revocations]:
    """Let the edge refuse what was ended, as ``statement`` tells it, meanwhile."""
    assert edge.emergency is not None, "only for services that read emergency accesses"
    revocations = Revocations(edge.emergency, statement)
    await revocations.refresh(database)
    edge.emergency = revocations

    async def follow() -> None:
        while True:
            await asyncio.sleep(REFRESH_SECONDS)
            try:
                await revocations.refresh(database)
            except Exception as error:
                logger().warning("revocations wait", error_type=type(error).__name__)

    task = asyncio.create_task(follow())
    try:
        yield revocations
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
