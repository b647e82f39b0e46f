"""The whole trail at one moment: a read-only snapshot, so that entries that arrive meanwhile confuse nothing."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, date
from typing import Any
from uuid import UUID

from services.audit.adapters.postgres import searchable
from services.audit.domain.chain import ChainKey, Head, read_record
from services.audit.domain.findings import StoredLink
from services.audit.ports import BeginReading, TrailReader
from services.kernel.database import Connection, Database

PAGE = 5000

_CHAINS = """
    SELECT service, day, seq, hash FROM chains WHERE ($1 = '' OR service = $1) AND ($2::date IS NULL OR day = $2)
    UNION ALL
    SELECT DISTINCT service, day, NULL::bigint, NULL::bytea FROM entries
    WHERE ($1 = '' OR service = $1) AND ($2::date IS NULL OR day = $2)
        AND NOT EXISTS (SELECT 1 FROM chains WHERE chains.service = entries.service AND chains.day = entries.day)
"""

_LINKS = """
    SELECT entries.*, inbox.event_id IS NOT NULL AS received FROM entries
    LEFT JOIN inbox ON inbox.consumer = $5 AND inbox.event_id = entries.entry_id
    WHERE service = $1 AND day = $2 AND seq > $3 ORDER BY seq LIMIT $4
"""

_LOST = """
    SELECT event_id, taken_at FROM inbox
    WHERE consumer = $1 AND NOT EXISTS (SELECT 1 FROM entries WHERE entries.entry_id = inbox.event_id)
        AND ($2::date IS NULL OR (taken_at AT TIME ZONE 'UTC')::date = $2)
    ORDER BY taken_at, event_id LIMIT $3
"""


class PostgresTrailReader:
    """ports.TrailReader over one connection in a read-only REPEATABLE READ transaction."""

    def __init__(self, connection: Connection, consumer: str) -> None:
        self._connection = connection
        self._consumer = consumer

    async def chains(self, service: str, day: date | None) -> Mapping[ChainKey, Head | None]:
        """Return the heads of the chains of ``service`` ("": all), ``day`` (None: all), None for one that is gone."""
        rows = await self._connection.fetch(_CHAINS, service, day)
        return {
            ChainKey(row["service"], row["day"]): None if row["seq"] is None else Head(row["seq"], row["hash"])
            for row in rows
        }

    async def links(self, key: ChainKey) -> AsyncIterator[Sequence[StoredLink]]:
        """Yield the chain's links in order of number, some thousand at a time."""
        after: int | None = None
        while True:
            lowest = -(2**63) if after is None else after
            rows = await self._connection.fetch(_LINKS, key.service, key.day, lowest, PAGE, self._consumer)
            if rows:
                yield [_link(row) for row in rows]
                after = rows[-1]["seq"]
            if len(rows) < PAGE:
                return

    async def lost(self, day: date | None, limit: int) -> Sequence[tuple[UUID, date]]:
        """Return entries that came through the queue and are not there, and when they came."""
        rows = await self._connection.fetch(_LOST, self._consumer, day, limit)
        return [(row["event_id"], row["taken_at"].astimezone(UTC).date()) for row in rows]

    async def anchors(self) -> Mapping[int, bytes]:
        """Return the hash of each anchor's body by number, as the database recorded it."""
        rows = await self._connection.fetch("SELECT number, hash FROM anchors")
        return {row["number"]: row["hash"] for row in rows}


def _link(row: Any) -> StoredLink:
    record = row["record"]
    return StoredLink(
        seq=row["seq"], entry_id=row["entry_id"], previous=row["previous"], hash=row["hash"], record=record,
        differs=_differs(row, record), received=row["received"],
    )  # fmt: skip


def _differs(row: Any, record: str) -> str:
    """Return the name of the first column that repeats something else than the record says, "" for none."""
    try:
        entry, arrived_at = read_record(record)
    except (ValueError, KeyError, TypeError):
        return "record"
    for name, value in searchable(entry).items():
        if row[name] != value:
            return name
    if entry.service != row["service"]:
        return "service"
    return "day" if arrived_at.astimezone(UTC).date() != row["day"] else ""


def begin_reading(database: Database, consumer: str) -> BeginReading:
    """Return how verification opens its snapshot on ``database``; ``consumer`` names the entries' queue."""

    @asynccontextmanager
    async def begin() -> AsyncIterator[TrailReader]:
        async with (
            database.connection() as connection,
            connection.transaction(isolation="repeatable_read", readonly=True),
        ):
            yield PostgresTrailReader(connection, consumer)

    return begin
