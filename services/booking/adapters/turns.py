"""A queue in front of the connections: in a rush requests wait their turn instead of failing at the pool.

The pool gives up after seconds counted from the request's arrival; two thousand people who want the same slot at the
same moment are all entitled to an answer. Turns are fewer than connections, so that relay, sweeper and reads go on.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from services.kernel.errors import Unavailable
from services.kernel.resilience import remaining

LONGEST_WAIT_SECONDS = 10.0


class Turns:
    """At most ``count`` at once, first come, first served."""

    def __init__(self, count: int) -> None:
        self._free = asyncio.Semaphore(count)

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Wait for a turn as long as the request's deadline allows; raise Unavailable after that."""
        try:
            async with asyncio.timeout(remaining(LONGEST_WAIT_SECONDS)):
                await self._free.acquire()
        except TimeoutError:
            raise Unavailable("Too many requests are waiting; try again.", retry_after=1) from None
        try:
            yield
        finally:
            self._free.release()
