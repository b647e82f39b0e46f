"""One reader of the change feed a process, many listeners: a screen at every front desk costs one query in all.

A listener that does not keep up is let go instead of slowing the others; it comes back with the last id it saw.
"""

import asyncio
from collections import defaultdict
from collections.abc import AsyncGenerator
from contextlib import suppress

from services.booking.domain.feed import Cursor
from services.booking.ports import Feed, RecordedChange
from services.kernel.telemetry import logger

POLL_SECONDS = 0.1
PAGE = 500
Listening = AsyncGenerator[tuple[Cursor, RecordedChange | None], None]
QUEUE = 256
MOST_PAGES_BACK = 20


def topics_of(change: RecordedChange) -> tuple[str, ...]:
    """Return who wants to hear of ``change``: its appointment, its facility, the facility it left."""
    facilities = {change.facility_id, change.former_facility_id} - {""}
    return (f"appointment:{change.appointment_id}", *(f"facility:{facility}" for facility in sorted(facilities)))


class Broadcaster:
    """Reads the feed while anyone listens. ``run`` is its task; ``close`` ends every listener."""

    def __init__(
        self, feed: Feed, poll_seconds: float = POLL_SECONDS, page: int = PAGE, pages_back: int = MOST_PAGES_BACK
    ) -> None:
        self._feed = feed
        self._poll = poll_seconds
        self._page = page
        self._pages_back = pages_back
        self._listeners: defaultdict[str, set[asyncio.Queue[RecordedChange | None]]] = defaultdict(set)
        self._cursor: Cursor | None = None
        self._wanted = asyncio.Event()
        self._closed = False

    @property
    def listeners(self) -> int:
        """How many listen now."""
        return sum(len(queues) for queues in self._listeners.values())

    @property
    def cursor(self) -> Cursor | None:
        """Up to where the feed was handed on; None while nobody listens."""
        return self._cursor

    async def run(self) -> None:
        """Read and hand on until cancelled; an unreachable database only slows it down."""
        while True:
            if not self._listeners:
                self._cursor = None
            if (cursor := self._cursor) is None:
                # Only a listener says where to begin: what it has read back ends there.
                self._wanted.clear()
                await self._wanted.wait()
                continue
            try:
                full = await self._hand_on(cursor)
            except Exception as error:
                logger().warning("stream waits", error_type=type(error).__name__)
                await asyncio.sleep(1.0)
                continue
            if not full:
                await asyncio.sleep(self._poll)

    def close(self) -> None:
        """End every listener; their clients come back to another process."""
        self._closed = True
        for queues in self._listeners.values():
            for queue in queues:
                _end(queue)

    async def listen(self, topic: str, since: Cursor | None) -> Listening:
        """Yield the changes of ``topic`` after ``since`` (None: from now on), each with the cursor to resume from.

        The cursor alone (change None) says "from here on": it comes first without ``since``, and where ``since`` lies
        so far back that reading it all again is cheaper. Ends when closed or when the listener falls behind.
        """
        queue: asyncio.Queue[RecordedChange | None] = asyncio.Queue(QUEUE)
        self._listeners[topic].add(queue)
        try:
            # Listening comes before reading back, so that nothing falls between the two.
            start = await self._feed.head()
            if self._cursor is None:
                self._cursor = start
            self._wanted.set()
            last = since or start
            if since is None:
                yield last, None
            async for cursor, change in self._missed(topic, last, start):
                last = cursor
                yield last, change
            while not self._closed and (news := await queue.get()) is not None:
                if news.cursor > last:
                    last = news.cursor
                    yield last, news
        finally:
            self._listeners[topic].discard(queue)
            if not self._listeners[topic]:
                del self._listeners[topic]

    async def _missed(self, topic: str, after: Cursor, start: Cursor) -> Listening:
        for _ in range(self._pages_back):
            found = await self._feed.after(after, self._page)
            for change in found:
                if topic in topics_of(change):
                    yield change.cursor, change
            if len(found) < self._page:
                return
            after = found[-1].cursor
        yield max(after, start), None

    async def _hand_on(self, cursor: Cursor) -> bool:
        found = await self._feed.after(cursor, self._page)
        for change in found:
            for topic in topics_of(change):
                for queue in self._listeners.get(topic, ()):
                    if queue.full():
                        _end(queue)
                    else:
                        queue.put_nowait(change)
        self._cursor = found[-1].cursor if found else cursor
        return len(found) == self._page


def _end(queue: asyncio.Queue[RecordedChange | None]) -> None:
    with suppress(asyncio.QueueEmpty):
        while True:
            queue.get_nowait()
    queue.put_nowait(None)
