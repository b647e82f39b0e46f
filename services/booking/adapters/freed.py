"""Freed slots in PostgreSQL: rows, the claims that hold them, and the events, always in one transaction."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any
from uuid import UUID

from services.booking.adapters.rows import Row, resources_json
from services.booking.domain.appointment import Occupied, Place
from services.booking.domain.claims import resource_claims
from services.booking.domain.freed import FreedSlot, FreedState
from services.booking.ports import FreedStore, FreedWork
from services.booking.usecases.telling import freed_event
from services.kernel.audit import AuditEntry
from services.kernel.database import Connection, Database
from services.kernel.outbox import append_audit, append_events

INSERT = """
INSERT INTO freed_slot (
    id, appointment_id, clinician_id, facility_id, specialty, visit_type, slot_id, starts_at, ends_at, timezone,
    resources, schedule_version, open_until, state, version, created_at, updated_at
)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17)
"""
# Ordered by key, as everywhere claims are made.
CLAIM = """
WITH claimed AS (
    INSERT INTO claim (freed_id, kind, resource_id, lane, key, period, expires_at)
    SELECT $1, kind, resource_id, lane, key, tstzrange($2, $3), $4
    FROM unnest($5::text [], $6::text [], $7::smallint [], $8::bigint []) AS c (kind, resource_id, lane, key)
    ORDER BY key
    ON CONFLICT DO NOTHING
    RETURNING true
)
SELECT count(*) FROM claimed
"""
CHANGE = """
UPDATE freed_slot SET open_until = $3, state = $4, version = $2, updated_at = $5
WHERE id = $1 AND version = $2 - 1 AND state = 'open'
RETURNING true
"""
EXTEND = """
WITH wanted AS (
    SELECT * FROM unnest($1::uuid [], $2::integer [], $3::timestamptz []) AS w (id, version, open_until)
), kept AS (
    UPDATE freed_slot AS f SET open_until = w.open_until, version = w.version, updated_at = $4
    FROM wanted AS w WHERE f.id = w.id AND f.version = w.version - 1 AND f.state = 'open'
    RETURNING f.id
), claimed AS (
    UPDATE claim AS c SET expires_at = w.open_until FROM wanted AS w WHERE c.freed_id = w.id
)
SELECT count(*) FROM kept
"""
TOLD = "INSERT INTO freed_history (freed_id, version, at, event_type, event) VALUES ($1, $2, $3, $4, $5)"
EXPIRED_AMONG = (
    "SELECT * FROM freed_slot WHERE id = any($1) AND state = 'open' AND open_until <= $2 ORDER BY id FOR UPDATE"
)
EXPIRED = """
SELECT * FROM freed_slot WHERE state = 'open' AND open_until <= $1
ORDER BY open_until LIMIT $2 FOR UPDATE SKIP LOCKED
"""


def freed_of(row: Row) -> FreedSlot:
    """Read a row of ``freed_slot``."""
    place = Place(
        clinician_id=row["clinician_id"], facility_id=row["facility_id"], specialty=row["specialty"],
        visit_type=row["visit_type"], slot_id=row["slot_id"], starts_at=_at(row["starts_at"]),
        ends_at=_at(row["ends_at"]), timezone=row["timezone"], schedule_version=row["schedule_version"],
        resources=tuple(Occupied(**resource) for resource in row["resources"]),
    )  # fmt: skip
    return FreedSlot(
        _id(row["id"]), _id(row["appointment_id"]), place, _at(row["open_until"]), FreedState(row["state"]),
        row["version"], _at(row["created_at"]), _at(row["updated_at"]),
    )  # fmt: skip


async def keep_back(connection: Connection, freed: FreedSlot) -> bool:
    """Write a new freed slot with its claims; False when part of its place is taken."""
    place = freed.place
    claims = resource_claims(place.resources)
    await connection.execute(
        INSERT, freed.id, freed.origin, place.clinician_id, place.facility_id, place.specialty, place.visit_type,
        place.slot_id, place.starts_at, place.ends_at, place.timezone, resources_json(place.resources),
        place.schedule_version,
        freed.open_until, freed.state, freed.version, freed.created_at, freed.updated_at,
    )  # fmt: skip
    claimed = await connection.fetchval(
        CLAIM, freed.id, place.starts_at, place.ends_at, freed.open_until, [c.kind for c in claims],
        [c.resource_id for c in claims], [c.lane for c in claims], [c.key for c in claims],
    )  # fmt: skip
    return bool(claimed == len(claims))


async def change_freed(connection: Connection, freed: FreedSlot) -> bool:
    """Write its next version and tell it; claims go when it ends. False when someone was faster."""
    changed = await connection.fetchval(
        CHANGE, freed.id, freed.version, freed.open_until, freed.state, freed.updated_at
    )
    if not changed:
        return False
    if freed.state is FreedState.OPEN:
        await connection.execute("UPDATE claim SET expires_at = $2 WHERE freed_id = $1", freed.id, freed.open_until)
    else:
        await connection.execute("DELETE FROM claim WHERE freed_id = $1", freed.id)
    await tell_freed(connection, freed)
    return True


async def tell_freed(connection: Connection, *slots: FreedSlot) -> None:
    """Tell how freed slots, changed at one instant, now stand: on the bus, and in the change feed."""
    told = [(freed, freed_event(freed)) for freed in slots]
    rows = [(freed.id, freed.version, freed.updated_at, event.type, dict(event.payload())) for freed, event in told]
    await connection.executemany(TOLD, rows)
    await append_events(connection, [event for _, event in told], slots[0].updated_at)


class PostgresFreedSlots:
    """Implements ``ports.FreedStore`` on one connection inside a transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def locked(self, freed_id: UUID) -> FreedSlot | None:
        """See ``ports.FreedStore``."""
        row = await self._connection.fetchrow("SELECT * FROM freed_slot WHERE id = $1 FOR UPDATE", freed_id)
        return freed_of(row) if row is not None else None

    async def locked_all(self, freed_ids: Sequence[UUID]) -> Sequence[FreedSlot]:
        """See ``ports.FreedStore``. Locked in one order everywhere, against deadlocks."""
        rows = await self._connection.fetch(
            "SELECT * FROM freed_slot WHERE id = any($1) ORDER BY id FOR UPDATE", list(freed_ids)
        )
        return [freed_of(row) for row in rows]

    async def change(self, freed: FreedSlot) -> None:
        """See ``ports.FreedStore``."""
        done = await change_freed(self._connection, freed)
        assert done, "a locked row changes under nobody else's hands"

    async def extend(self, kept: Sequence[FreedSlot]) -> None:
        """See ``ports.FreedStore``."""
        if not kept:
            return
        done = await self._connection.fetchval(
            EXTEND, [freed.id for freed in kept], [freed.version for freed in kept],
            [freed.open_until for freed in kept], kept[0].updated_at,
        )  # fmt: skip
        assert done == len(kept), "locked rows change under nobody else's hands"
        await tell_freed(self._connection, *kept)

    async def audit(self, entries: Sequence[AuditEntry]) -> None:
        """See ``ports.FreedStore``."""
        await append_audit(self._connection, entries)


def freed_work(database: Database) -> FreedWork:
    """Return the maker of stores over ``database``."""

    @asynccontextmanager
    async def work() -> AsyncIterator[FreedStore]:
        async with database.transaction() as connection:
            yield PostgresFreedSlots(connection)

    return work


async def locked_expired(connection: Connection, now: datetime, limit: int) -> Sequence[FreedSlot]:
    """Return, locked, freed slots that ran out; those that someone is working on are left to them."""
    return [freed_of(row) for row in await connection.fetch(EXPIRED, now, limit)]


async def locked_expired_among(connection: Connection, ids: Sequence[UUID], now: datetime) -> Sequence[FreedSlot]:
    """Return, locked, those of ``ids`` that are freed slots and ran out."""
    return [freed_of(row) for row in await connection.fetch(EXPIRED_AMONG, list(ids), now)]


def _at(value: Any) -> datetime:
    """Read an instant as asyncpg gives it, or as it stands inside JSON."""
    return value if isinstance(value, datetime) else datetime.fromisoformat(value)


def _id(value: Any) -> UUID:
    return value if isinstance(value, UUID) else UUID(value)
