"""Chains and trail in PostgreSQL; whoever adds to a chain holds the lock on its head."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import date

from services.audit.domain.chain import ChainKey, Head, Link, empty, is_break_glass, read_record
from services.audit.ports import ChainStanding, Kept, Trail, TrailQuery, UnitOfWork
from services.kernel.aliases import every_id, keep_alias
from services.kernel.audit import AuditEntry
from services.kernel.database import Connection, Database
from services.kernel.errors import Unavailable
from services.kernel.outbox import append_audit

_INSERT = """
    INSERT INTO entries
        (service, day, seq, entry_id, at, about, subject, outcome, break_glass, facilities, previous, hash, record)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)
"""


class PostgresChains:
    """ports.Chains over one connection whose transaction somebody else opens and ends."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def lock(self, key: ChainKey) -> Head:
        """Return the head of ``key``'s chain, begun if need be, locked until the transaction ends."""
        select = "SELECT seq, hash, closed FROM chains WHERE service = $1 AND day = $2 FOR UPDATE"
        row = await self._connection.fetchrow(select, key.service, key.day)
        if row is None:
            await self._connection.execute(
                "INSERT INTO chains (service, day, seq, hash) VALUES ($1, $2, 0, $3) ON CONFLICT DO NOTHING",
                key.service,
                key.day,
                empty(key).hash,
            )
            row = await self._connection.fetchrow(select, key.service, key.day)
        assert row is not None, "it was made a statement ago, and nobody can delete it"
        if row["closed"]:
            raise Unavailable(f"The chain {key} is closed: this machine's clock is behind.", retry_after=60)
        return Head(row["seq"], row["hash"])

    async def append(self, key: ChainKey, links: Sequence[Link]) -> None:
        """Keep ``links`` and move the head behind the last of them."""
        if not links:
            return
        await self._connection.executemany(_INSERT, [_row(key, link) for link in links])
        await self._connection.execute(
            "UPDATE chains SET seq = $3, hash = $4 WHERE service = $1 AND day = $2",
            key.service,
            key.day,
            links[-1].seq,
            links[-1].hash,
        )


def searchable(entry: AuditEntry) -> dict[str, object]:
    """Return what the columns repeat of ``entry``, by column."""
    return {
        "entry_id": entry.id,
        "at": entry.at,
        "about": _indexable(entry.about),
        "subject": _indexable(entry.subject),
        "outcome": _indexable(entry.outcome),
        "break_glass": is_break_glass(entry),
        "facilities": [_indexable(facility) for facility in entry.facilities],
    }


def _indexable(text: str) -> str:
    # The record keeps every character; PostgreSQL's text cannot hold NUL.
    return text.replace("\x00", "\ufffd")


def _row(key: ChainKey, link: Link) -> tuple[object, ...]:
    columns = searchable(link.entry)
    return (key.service, key.day, link.seq, *columns.values(), link.previous, link.hash, link.record)


class PostgresMerges:
    """ports.Merges over one connection. Chains and entries stay as they were written: only reviews look wider."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def keep(self, replaced_id: str, survivor_id: str, version: int) -> None:
        """Keep it, unless something newer is known."""
        await keep_alias(self._connection, replaced_id, survivor_id, version)


class PostgresTrail:
    """ports.Trail over one connection whose transaction somebody else opens and ends."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def entries(self, query: TrailQuery) -> Sequence[Kept]:
        """Return entries by time and id."""
        sql, arguments = _selection(query)
        rows = await self._connection.fetch(sql, *arguments)
        found = []
        for row in rows:
            entry, arrived_at = read_record(row["record"])
            found.append(Kept(ChainKey(row["service"], row["day"]), row["seq"], entry, arrived_at))
        return found

    async def standing(self, day: date) -> Sequence[ChainStanding]:
        """Return the chains of ``day`` by service."""
        rows = await self._connection.fetch(
            "SELECT service, seq, anchored_seq, closed FROM chains WHERE day = $1 ORDER BY service", day
        )
        return [ChainStanding(row["service"], row["seq"], row["anchored_seq"], row["closed"]) for row in rows]

    async def audit(self, entries: Sequence[AuditEntry]) -> None:
        """Put ``entries`` into the outbox."""
        await append_audit(self._connection, entries)


_ONLY = {"all": "", "refused": "outcome <> 'allowed'", "break-glass": "break_glass"}


def _selection(query: TrailQuery) -> tuple[str, list[object]]:
    arguments: list[object] = [query.start, query.end]
    conditions = ["at >= $1", "at < $2"]

    def given(value: object) -> str:
        arguments.append(value)
        return f"${len(arguments)}"

    if query.about:
        # `<> ''` lets PostgreSQL use the index that leaves the empty ones out.
        conditions.append(f"about = ANY({every_id(given(query.about))}) AND about <> ''")
    if query.subject:
        conditions.append(f"subject = {given(query.subject)}")
    if _ONLY[query.only]:
        conditions.append(_ONLY[query.only])
    if query.facilities is not None:
        conditions.append(f"facilities && {given(sorted(query.facilities))}::text[]")
    order, beyond = ("DESC", "<") if query.newest_first else ("ASC", ">")
    if query.after is not None:
        conditions.append(f"(at, entry_id) {beyond} ({given(query.after.at)}, {given(query.after.entry_id)})")
    # Only our own words are put together here; what callers say is bound.
    sql = (
        "SELECT service, day, seq, record FROM entries WHERE "  # noqa: S608
        + " AND ".join(conditions)
        + f" ORDER BY at {order}, entry_id {order} LIMIT {given(query.limit)}"
    )
    return sql, arguments


def unit_of_work(database: Database) -> UnitOfWork:
    """Return how reviews open a transaction on ``database``."""

    @asynccontextmanager
    async def begin() -> AsyncIterator[Trail]:
        async with database.transaction() as connection:
            yield PostgresTrail(connection)

    return begin
