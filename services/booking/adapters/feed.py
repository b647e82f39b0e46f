"""The change feed: the history in an order that loses nothing.

Ids are given out before their transactions commit, so a reader that remembers the last id skips what commits late
(measured: 5 % of changes under concurrent writers). Here a row counts only once every transaction older than its own
has ended: then nothing can appear before it any more. A transaction that stays open delays readers, so sessions bound
their idle time (kernel.database).
"""

from collections.abc import Sequence

from services.booking.adapters.rows import recorded_change_of
from services.booking.domain.feed import Cursor, ToldChange
from services.booking.ports import RecordedChange
from services.kernel.database import Database

# Each half walks its own index and stops at the limit; their ids are of one sequence.
ALL_AFTER = """
SELECT xid::text AS xid, id, action, at, event_type, event FROM (
    (
        SELECT xid, id, action, at, event_type, event FROM status_history
        WHERE (xid, id) > ($1::text::xid8, $2) AND xid < pg_snapshot_xmin(pg_current_snapshot())
        ORDER BY xid, id LIMIT $3
    )
    UNION ALL
    (
        SELECT xid, id, 'freed-slot' AS action, at, event_type, event FROM freed_history
        WHERE (xid, id) > ($1::text::xid8, $2) AND xid < pg_snapshot_xmin(pg_current_snapshot())
        ORDER BY xid, id LIMIT $3
    )
) AS told
ORDER BY told.xid, id LIMIT $3
"""


class PostgresFeed:
    """Implements ``ports.Feed``."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def head(self) -> Cursor:
        """See ``ports.Feed``. Transactions from the oldest running one on are still to come."""
        async with self._database.connection() as connection:
            xmin = await connection.fetchval("SELECT pg_snapshot_xmin(pg_current_snapshot())::text")
        return Cursor(int(xmin), 0)

    async def after(self, cursor: Cursor, limit: int) -> Sequence[RecordedChange]:
        """See ``ports.Feed``."""
        async with self._database.connection() as connection:
            rows = await connection.fetch(
                """
                SELECT *, xid::text AS xid FROM status_history
                WHERE (xid, id) > ($1::text::xid8, $2) AND xid < pg_snapshot_xmin(pg_current_snapshot())
                ORDER BY status_history.xid, id LIMIT $3
                """,
                str(cursor.transaction),
                cursor.row,
                limit,
            )
        return [recorded_change_of(dict(row)) for row in rows]

    async def all_after(self, cursor: Cursor, limit: int) -> Sequence[ToldChange]:
        """See ``ports.Feed``."""
        async with self._database.connection() as connection:
            rows = await connection.fetch(ALL_AFTER, str(cursor.transaction), cursor.row, limit)
        return [
            ToldChange(Cursor(int(row["xid"]), row["id"]), row["action"], row["at"], row["event_type"], row["event"])
            for row in rows
        ]
