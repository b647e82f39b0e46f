"""Appointments of a replaced patient come to the survivor: one sweep, whether they were there or arrive late.

Where both records had something at the same time, both visits stand: the second one's claim on the patient takes a
further lane of theirs, so that the constraint still arbitrates every later booking, and staff are shown the pair until
one of the two is moved or cancelled. Nothing is decided by a machine that cannot ask the patient.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from services.booking.adapters.rows import Row, appointment_of, history_row
from services.booking.domain.appointment import Appointment, reassign
from services.booking.domain.claims import PATIENT, PATIENT_LANES, claim_key
from services.booking.domain.double_bookings import DoubleBooking, Side
from services.kernel.actor import system_actor
from services.kernel.audit import AuditEntry
from services.kernel.clock import Clock
from services.kernel.database import Connection, Database
from services.kernel.errors import Conflict
from services.kernel.ids import new_id
from services.kernel.outbox import append_audit, append_events
from services.kernel.telemetry import OUTCOMES, correlation_id

BATCH = 100
# From the few replaced records to their visits: OFFSET 0 keeps the planner from walking every appointment in the order
# of ids in the hope of a hundred strays.
STRANDED = """
SELECT a.*, stray.stands_for
FROM (
    SELECT found.id, m.id AS replaced, m.stands_for
    FROM alias AS m CROSS JOIN LATERAL (SELECT id FROM appointment WHERE patient_id = m.id OFFSET 0) AS found
    ORDER BY found.id LIMIT $1
) AS stray
CROSS JOIN LATERAL (
    SELECT * FROM appointment WHERE id = stray.id AND patient_id = stray.replaced OFFSET 0 FOR UPDATE SKIP LOCKED
) AS a
"""
REASSIGN = """
WITH state AS (
    UPDATE appointment SET patient_id = $2, version = $3, updated_at = $4 WHERE id = $1 RETURNING id
)
INSERT INTO status_history (
    appointment_id, version, action, from_status, to_status, actor_subject, actor_roles, reason, at,
    correlation_id, facility_id, former_facility_id, event_type, event
)
SELECT
    h.appointment_id, h.version, action, from_status, to_status, actor_subject, actor_roles, reason, at,
    correlation_id, facility_id, former_facility_id, event_type, event
FROM state, jsonb_populate_record(null::status_history, $5) AS h
"""
UNCLAIM = "DELETE FROM claim WHERE appointment_id = $1 AND kind = 'patient' RETURNING period, expires_at"
CLAIM = """
INSERT INTO claim (appointment_id, kind, resource_id, lane, key, period, expires_at)
VALUES ($1, 'patient', $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING RETURNING true
"""
# A pair names its patient, so pairs with a labelled visit are left out, as in every such list (decision 0070).
# Claims beyond the first lane are the few that a merge made: the partial index of them is all that is walked.
DOUBLE = """
SELECT
    a.patient_id, a.id, a.version, a.status, a.facility_id, a.clinician_id, a.starts_at, a.ends_at, a.timezone,
    b.id AS other_id, b.version AS other_version, b.status AS other_status, b.facility_id AS other_facility_id,
    b.clinician_id AS other_clinician_id, b.starts_at AS other_starts_at, b.ends_at AS other_ends_at,
    b.timezone AS other_timezone
FROM claim AS c
JOIN appointment AS a ON a.id = c.appointment_id
JOIN appointment AS b
    ON b.patient_id = a.patient_id AND b.id <> a.id AND b.status IN ('pending', 'booked', 'checked-in')
        AND tstzrange(b.starts_at, b.ends_at) && c.period
WHERE c.kind = 'patient' AND c.lane > 0 AND upper(c.period) > $2 AND $1 IN (a.facility_id, b.facility_id)
    AND a.security_label = 'N' AND b.security_label = 'N'
ORDER BY a.starts_at, a.id, b.id LIMIT $3
"""


@dataclass(frozen=True, slots=True)
class PostgresMerging:
    """Implements ``ports.DoubleBookings``; ``sweep`` is what upkeep repeats."""

    database: Database
    clock: Clock

    async def sweep(self) -> int:
        """Bring every appointment of a replaced patient to the survivor; return how many there were."""
        done = 0
        while batch := await self.database.run(self._batch):
            done += batch
            if batch < BATCH:
                break
        return done

    async def at(self, facility_id: str, now: datetime, limit: int) -> Sequence[DoubleBooking]:
        """See ``ports.DoubleBookings``."""
        async with self.database.connection() as connection:
            rows = await connection.fetch(DOUBLE, facility_id, now, limit)
        return [DoubleBooking(row["patient_id"], _side(row, ""), _side(row, "other_")) for row in rows]

    async def _batch(self, connection: Connection) -> int:
        rows = await connection.fetch(STRANDED, BATCH)
        now = self.clock.now()
        for row in rows:
            await _reassign(connection, appointment_of(row), row["stands_for"], now)
        return len(rows)


async def _reassign(connection: Connection, before: Appointment, survivor: str, now: datetime) -> None:
    change = reassign(before, survivor, now)
    entry = _entry(change.after, now)
    history, event = history_row(change, entry)
    await connection.execute(REASSIGN, before.id, survivor, change.after.version, now, history)
    # A statement of its own: within one, what is deleted still stands in the way of what is inserted.
    if (claim := await connection.fetchrow(UNCLAIM, before.id)) is not None:
        for lane in range(PATIENT_LANES):
            key = claim_key(PATIENT, survivor, lane)
            if await connection.fetchval(CLAIM, before.id, survivor, lane, key, claim["period"], claim["expires_at"]):
                break
        else:
            raise Conflict("The survivor has too many visits at one time; cancel one of them.")
        if lane:
            OUTCOMES.labels("booking", "patient-double-booked").inc()
    await append_events(connection, [event], now)
    await append_audit(connection, [entry])


def _entry(after: Appointment, now: datetime) -> AuditEntry:
    actor = system_actor("booking")
    return AuditEntry(
        id=new_id(), at=now, service="booking", action="reassign-appointment", outcome="allowed",
        subject=actor.subject, roles=tuple(actor.roles), person="", resource_type="Appointment",
        resource_id=str(after.id), about=after.patient_id, reason="", policies=(), correlation_id=correlation_id(),
        facilities=(after.place.facility_id,),
    )  # fmt: skip


def _side(row: Row, prefix: str) -> Side:
    names = ("id", "version", "status", "facility_id", "clinician_id", "starts_at", "ends_at", "timezone")
    return Side(*(row[f"{prefix}{name}"] for name in names))
