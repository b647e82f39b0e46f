"""Reads in PostgreSQL, each with its audit entry in the same transaction."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import date, datetime
from uuid import UUID

from services.booking.adapters.rows import appointment_of, recorded_change_of
from services.booking.domain.appointment import Appointment
from services.booking.ports import PatientRecord, RecordedChange, Store, UnitOfWork
from services.kernel.audit import AuditEntry
from services.kernel.database import Connection, Database
from services.kernel.outbox import append_audit


class PostgresStore:
    """Implements ``ports.Store`` on one connection inside a transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def appointment(self, appointment_id: UUID) -> Appointment | None:
        """See ``ports.Store``."""
        row = await self._connection.fetchrow("SELECT * FROM appointment WHERE id = $1", appointment_id)
        return appointment_of(row) if row is not None else None

    async def history(self, appointment_id: UUID, limit: int) -> Sequence[RecordedChange]:
        """See ``ports.Store``."""
        rows = await self._connection.fetch(
            "SELECT *, xid::text AS xid FROM status_history WHERE appointment_id = $1 ORDER BY version LIMIT $2",
            appointment_id,
            limit,
        )
        return [recorded_change_of(dict(row)) for row in rows]

    async def patient(self, patient_id: str, now: datetime) -> PatientRecord:
        """See ``ports.Store``."""
        row = await self._connection.fetchrow(
            """
            SELECT
                ARRAY(SELECT person FROM proxy WHERE patient_id = $1 AND active AND expires_at > $2) AS proxies,
                ARRAY(
                    SELECT person FROM proxy
                    WHERE patient_id = $1 AND active AND expires_at > $2 AND confidential_until > $2
                ) AS confidants,
                (SELECT facility_ids FROM patient WHERE patient_id = $1) AS facilities
            """,
            patient_id,
            now,
        )
        assert row is not None
        return PatientRecord(
            frozenset(row["proxies"]), frozenset(row["facilities"] or ()), frozenset(row["confidants"])
        )

    async def of_patient(
        self, patient_id: str, starting: datetime | None, after: tuple[datetime, UUID] | None, limit: int
    ) -> Sequence[Appointment]:
        """See ``ports.Store``."""
        rows = await self._connection.fetch(
            """
            SELECT * FROM appointment
            WHERE patient_id = $1 AND ($2::timestamptz IS NULL OR starts_at >= $2)
                AND ($3::timestamptz IS NULL OR (starts_at, id) > ($3, $4::uuid))
            ORDER BY starts_at, id LIMIT $5
            """,
            patient_id,
            starting,
            *(after or (None, None)),
            limit,
        )
        return [appointment_of(row) for row in rows]

    async def of_series(self, series_id: UUID) -> Sequence[Appointment]:
        """See ``ports.Store``."""
        rows = await self._connection.fetch(
            "SELECT * FROM appointment WHERE series_id = $1 ORDER BY starts_at, id", series_id
        )
        return [appointment_of(row) for row in rows]

    async def of_day(
        self, facility_id: str, day: date, after: tuple[datetime, UUID] | None, limit: int, *, cancelled: bool
    ) -> Sequence[Appointment]:
        """See ``ports.Store``."""
        rows = await self._connection.fetch(
            """
            SELECT * FROM appointment
            WHERE facility_id = $1 AND visit_day = $2 AND ($6 OR status <> 'cancelled')
                AND ($3::timestamptz IS NULL OR (starts_at, id) > ($3, $4::uuid))
            ORDER BY starts_at, id LIMIT $5
            """,
            facility_id,
            day,
            *(after or (None, None)),
            limit,
            cancelled,
        )
        return [appointment_of(row) for row in rows]

    async def booked_of(self, visit_type: str, now: datetime) -> Mapping[str, int]:
        """See ``ports.Store``. Asked when a kind of visit is changed, which is rare: no index is kept for it."""
        rows = await self._connection.fetch(
            """
            SELECT facility_id, count(*) AS booked FROM appointment
            WHERE visit_type = $1 AND starts_at >= $2 AND status = 'booked' GROUP BY facility_id ORDER BY facility_id
            """,
            visit_type,
            now,
        )
        return {row["facility_id"]: row["booked"] for row in rows}

    async def audit(self, entry: AuditEntry) -> None:
        """See ``ports.Store``."""
        await append_audit(self._connection, [entry])


def unit_of_work(database: Database) -> UnitOfWork:
    """Return the maker of stores over ``database``."""

    @asynccontextmanager
    async def work() -> AsyncIterator[Store]:
        async with database.transaction() as connection:
            yield PostgresStore(connection)

    return work
