"""The ledger of anchors in PostgreSQL: which heads are anchored, and what lies in write-once storage."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import date

from services.audit.domain.anchors import Anchor, AnchoredHead, read_anchor
from services.audit.domain.chain import ChainKey, Head
from services.audit.ports import AnchorLedger, BeginAnchoring
from services.kernel.database import Connection, Database
from services.kernel.gauges import Overdue
from services.kernel.ids import content_key

# How long the oldest entry has waited for an anchor: the first of each chain that lies beyond the anchored ones.
OVERDUE = Overdue(
    "anchors",
    """
    SELECT extract(epoch FROM clock_timestamp() - min(e.at)) FROM chains AS c
    INNER JOIN entries AS e ON e.service = c.service AND e.day = c.day AND e.seq = c.anchored_seq + 1
    WHERE NOT c.anchored_final
    """,
)
_CLAIM = content_key("audit", "anchors")


class PostgresAnchorLedger:
    """ports.AnchorLedger over one connection whose transaction somebody else opens and ends."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def claim(self) -> bool:
        """Take the right to anchor until the transaction ends; False when another process has it."""
        return bool(await self._connection.fetchval("SELECT pg_try_advisory_xact_lock($1)", _CLAIM))

    async def close_before(self, day: date) -> None:
        """Close the chains of the days before ``day``."""
        await self._connection.execute(
            "UPDATE chains SET closed = true WHERE NOT anchored_final AND NOT closed AND day < $1", day
        )

    async def heads(self) -> Sequence[AnchoredHead]:
        """Return the heads that no anchor has, those of closed chains as final."""
        rows = await self._connection.fetch(
            """
            SELECT service, day, seq, hash, closed FROM chains
            WHERE NOT anchored_final AND (seq > anchored_seq OR closed) AND seq > 0
            """
        )
        return [AnchoredHead(ChainKey(r["service"], r["day"]), Head(r["seq"], r["hash"]), r["closed"]) for r in rows]

    async def last(self) -> Anchor | None:
        """Return the last anchor that was recorded."""
        body = await self._connection.fetchval("SELECT body FROM anchors ORDER BY number DESC LIMIT 1")
        return read_anchor(body) if body else None

    async def record(self, anchor: Anchor) -> None:
        """Keep that ``anchor`` lies in write-once storage."""
        await self._connection.execute(
            "INSERT INTO anchors (number, at, hash, body) VALUES ($1, $2, $3, $4)",
            anchor.number,
            anchor.at,
            anchor.hash,
            anchor.body(),
        )
        await self._connection.executemany(
            """
            UPDATE chains SET anchored_seq = greatest(anchored_seq, $3), closed = closed OR $4,
                anchored_final = anchored_final OR $4
            WHERE service = $1 AND day = $2
            """,
            [(one.key.service, one.key.day, one.head.seq, one.final) for one in anchor.heads],
        )


def begin_anchoring(database: Database) -> BeginAnchoring:
    """Return how anchoring opens a transaction on ``database``."""

    @asynccontextmanager
    async def begin() -> AsyncIterator[AnchorLedger]:
        async with database.transaction() as connection:
            yield PostgresAnchorLedger(connection)

    return begin
