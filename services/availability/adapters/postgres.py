"""One transaction of availability's database behind the port Store."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import datetime

import asyncpg

from services.availability.adapters.postgres_directory import DirectoryRows
from services.availability.adapters.postgres_interpreters import InterpreterRows
from services.availability.adapters.postgres_plans import PlanRows
from services.availability.adapters.postgres_schedules import ScheduleRows
from services.availability.adapters.postgres_visits import VisitRows
from services.availability.ports import Appointment, Store
from services.kernel.audit import AuditEntry
from services.kernel.database import SERIALIZATION_FAULTS, Connection, Database
from services.kernel.errors import Unavailable
from services.kernel.outbox import Publishable, append_audit, append_events


class PostgresStore(DirectoryRows, InterpreterRows, ScheduleRows, VisitRows, PlanRows):
    """Implements ports.Store on one connection, inside a transaction."""

    async def put_appointment(self, appointment: Appointment) -> bool:
        """Keep what the appointment occupies unless a version as new is kept.

        What does not tell its room stands in that of the session it was offered from.
        """
        return bool(
            await self._connection.fetchval(
                """
                INSERT INTO busy (appointment_id, version, clinician_id, facility_id, room_id, starts_at, ends_at,
                    lane, live, expires_at, interpreter_id)
                VALUES ($1, $2, $3, $4, coalesce($10, (
                    SELECT room_id FROM working_session
                    WHERE clinician_id = $3 AND facility_id = $4 AND starts_at <= $5 AND ends_at >= $6
                        AND starts_at > $5 - interval '26 hours'
                    ORDER BY depth DESC, template_id LIMIT 1
                ), ''), $5, $6, $7, $8, $9, $11)
                ON CONFLICT (appointment_id) DO UPDATE SET version = excluded.version,
                    clinician_id = excluded.clinician_id, facility_id = excluded.facility_id,
                    room_id = excluded.room_id, starts_at = excluded.starts_at, ends_at = excluded.ends_at,
                    lane = excluded.lane, live = excluded.live, expires_at = excluded.expires_at,
                    interpreter_id = excluded.interpreter_id
                WHERE excluded.version > busy.version RETURNING true
                """,
                appointment.appointment_id,
                appointment.version,
                appointment.clinician_id,
                appointment.facility_id,
                appointment.period.starts_at,
                appointment.period.ends_at,
                appointment.lane,
                appointment.live,
                appointment.expires_at,
                appointment.room_id,
                appointment.interpreter_id,
            )
        )

    async def publish(self, events: Sequence[Publishable], at: datetime) -> None:
        """Write events to the outbox."""
        await append_events(self._connection, events, at)

    async def audit(self, entry: AuditEntry) -> None:
        """Write an audit entry to the outbox."""
        await append_audit(self._connection, [entry])


def unit_of_work(database: Database) -> Callable[[], AbstractAsyncContextManager[Store]]:
    """Return what opens a transaction and lends its store; a lock nobody gives back becomes Unavailable."""

    @asynccontextmanager
    async def transaction() -> AsyncIterator[Store]:
        try:
            async with database.transaction() as connection:
                yield PostgresStore(connection)
        except (asyncpg.LockNotAvailableError, asyncpg.QueryCanceledError, *SERIALIZATION_FAULTS) as fault:
            raise Unavailable("Schedules are being changed; try again.", retry_after=2) from fault

    return transaction


def store_of(connection: Connection) -> Store:
    """Return the store of a connection that is already in a transaction."""
    return PostgresStore(connection)
