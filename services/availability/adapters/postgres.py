"""One transaction of availability's database behind the port Store."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import datetime

import asyncpg

from services.availability.adapters.postgres_directory import DirectoryRows
from services.availability.adapters.postgres_interpreters import InterpreterRows
from services.availability.adapters.postgres_plans import PlanRows
from services.availability.adapters.postgres_schedules import ScheduleRows
from services.availability.adapters.postgres_visits import VisitRows, newest
from services.availability.ports import Appointment, Store
from services.kernel.audit import AuditEntry
from services.kernel.database import SERIALIZATION_FAULTS, Connection, Database
from services.kernel.errors import Unavailable
from services.kernel.outbox import Publishable, append_audit, append_events

# What does not tell its room stands in that of the session it was offered from. In the order of their ids, so that two
# processes that take the same ones wait for each other instead of locking each other out.
_OCCUPY = """
    INSERT INTO busy (appointment_id, version, clinician_id, facility_id, room_id, starts_at, ends_at, lane, live,
        expires_at, interpreter_id)
    SELECT n.appointment_id, n.version, n.clinician_id, n.facility_id, coalesce(n.room_id, (
            SELECT w.room_id FROM working_session AS w
            WHERE w.clinician_id = n.clinician_id AND w.facility_id = n.facility_id
                AND w.starts_at <= n.starts_at AND w.ends_at >= n.ends_at
                AND w.starts_at > n.starts_at - interval '26 hours'
            ORDER BY w.depth DESC, w.template_id LIMIT 1
        ), ''), n.starts_at, n.ends_at, n.lane, n.live, n.expires_at, n.interpreter_id
    FROM unnest(
        $1::text [], $2::bigint [], $3::text [], $4::text [], $5::text [], $6::timestamptz [], $7::timestamptz [],
        $8::integer [], $9::boolean [], $10::timestamptz [], $11::text []
    ) AS n (appointment_id, version, clinician_id, facility_id, room_id, starts_at, ends_at, lane, live, expires_at,
        interpreter_id)
    ORDER BY n.appointment_id
    ON CONFLICT (appointment_id) DO UPDATE SET version = excluded.version,
        clinician_id = excluded.clinician_id, facility_id = excluded.facility_id,
        room_id = excluded.room_id, starts_at = excluded.starts_at, ends_at = excluded.ends_at,
        lane = excluded.lane, live = excluded.live, expires_at = excluded.expires_at,
        interpreter_id = excluded.interpreter_id
    WHERE excluded.version > busy.version RETURNING appointment_id
"""


class PostgresStore(DirectoryRows, InterpreterRows, ScheduleRows, VisitRows, PlanRows):
    """Implements ports.Store on one connection, inside a transaction."""

    async def put_appointments(self, appointments: Sequence[Appointment]) -> frozenset[str]:
        """See ports.Occupancy."""
        rows = [
            (
                one.appointment_id, one.version, one.clinician_id, one.facility_id, one.room_id, one.period.starts_at,
                one.period.ends_at, one.lane, one.live, one.expires_at, one.interpreter_id,
            )
            for one in newest(appointments)
        ]  # fmt: skip
        put = await self._connection.fetch(_OCCUPY, *zip(*rows, strict=True)) if rows else ()
        return frozenset(row["appointment_id"] for row in put)

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
