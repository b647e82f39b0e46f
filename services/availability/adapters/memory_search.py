"""Open-slot search in memory with PostgreSQL behind it: whatever the index cannot answer now, SQL does."""

from collections.abc import Sequence
from datetime import datetime

from prometheus_client import Counter

from services.availability.adapters.memory.following import IndexKeeper
from services.availability.adapters.memory.querying import BeforeIndex, first
from services.availability.domain.slots import OpenSlot, SlotQuery
from services.availability.ports import SlotSearch
from services.kernel.telemetry import logger

# Counting thousands of slots would keep the process from answering anyone else for too long.
MOST_IN_MEMORY = 200
SEARCHES = Counter("careslot_slot_searches_total", "Searches by the path that answered, and why not in memory.",
                   ["path", "reason"])  # fmt: skip


class MemorySlotSearch:
    """Implements ports.SlotSearch: the index of ``keeper`` first, ``behind`` when it cannot or fails."""

    def __init__(self, keeper: IndexKeeper, behind: SlotSearch) -> None:
        self._keeper = keeper
        self._behind = behind

    async def first(self, query: SlotQuery, limit: int, now: datetime) -> Sequence[OpenSlot]:
        """Return the first ``limit`` open slots by OpenSlot.rank."""
        index = self._keeper.current()
        reason: str = index if isinstance(index, str) else "large" if limit > MOST_IN_MEMORY else ""
        if not isinstance(index, str) and not reason:
            try:
                found = first(index, query, limit, now)
            except BeforeIndex:
                reason = "before-index"
            except Exception as error:
                # A fault in the fast path must not become an answer that somebody misses.
                logger().error("search in memory failed", error_type=type(error).__name__)
                reason = "failed"
            else:
                SEARCHES.labels("memory", "").inc()
                return found
        SEARCHES.labels("sql", reason).inc()
        return await self._behind.first(query, limit, now)
