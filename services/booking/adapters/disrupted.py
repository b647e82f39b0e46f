"""What happens to disrupted visits in the transactions of others: the inbox's, and that of a change of an appointment.

Whoever moves or cancels an appointment, by whatever way, ends what a disruption still wanted of it. A statement here
costs one index lookup for every such change.
"""

from datetime import datetime
from typing import Any
from uuid import UUID

import asyncpg

from services.booking.domain.appointment import Change
from services.booking.domain.disruption import CLINICIAN, ENDED_BY, Cause, Disruption, VisitState
from services.booking.ports import Telling
from services.contracts.events.booking import VisitDisruptionEnded
from services.contracts.events.notifications import BOUNCED
from services.kernel.database import Connection
from services.kernel.outbox import append_events

# More would make one transaction long; the next round finds the others.
MOST_FOUND = 1000
OPEN = "('found', 'asked', 'to-call')"
# Who may know of the visit, for whoever is told of it.
LABEL = "(SELECT a.security_label FROM appointment AS a WHERE a.id = appointment_id) AS security_label"
# No appointment is longer than 8 hours (contracts: VisitTypeRecorded), which lets the index bound the start.
_FIND = """
INSERT INTO disrupted_visit (
    disruption_id, appointment_id, patient_id, clinician_id, facility_id, specialty, visit_type, slot_id, starts_at,
    ends_at, timezone, state, cause, not_reached, found_at
)
SELECT
    $1, a.id, a.patient_id, a.clinician_id, a.facility_id, a.specialty, a.visit_type, a.slot_id, a.starts_at,
    a.ends_at, a.timezone,
    CASE WHEN a.status = 'booked' THEN 'found' ELSE 'to-call' END,
    CASE WHEN a.status = 'booked' THEN '' ELSE 'checked-in' END,
    CASE WHEN a.status = 'booked' THEN '' ELSE 'checked-in' END,
    $5
FROM appointment AS a
WHERE {whose} AND a.starts_at > $3::timestamptz - interval '8 hours' AND a.starts_at < $4 AND a.ends_at > $3
    AND ((a.status = 'booked' AND a.starts_at > $5) OR (a.status = 'checked-in' AND a.ends_at > $5))
    AND NOT EXISTS (
        SELECT FROM disrupted_visit AS v
        WHERE v.appointment_id = a.id AND (v.disruption_id = $1 OR v.state IN ('found', 'asked', 'to-call'))
    )
ORDER BY a.starts_at, a.id LIMIT $6
ON CONFLICT DO NOTHING
RETURNING true
"""
_WHOSE = {
    CLINICIAN: "a.clinician_id = $2",
    "facility": """a.facility_id = $2
        AND a.visit_day >= ($3::timestamptz - interval '2 days')::date
        AND a.visit_day <= ($4::timestamptz + interval '2 days')::date""",
}


async def open_disruption(connection: Connection, disruption: Disruption) -> None:
    """Keep it and find its visits at once; a repetition changes nothing but finds what is new."""
    await connection.execute(
        """
        INSERT INTO disruption (id, kind, subject_id, starts_at, ends_at, opened_at) VALUES ($1, $2, $3, $4, $5, $6)
        ON CONFLICT (id) DO NOTHING
        """,
        disruption.id, disruption.kind, disruption.subject_id, disruption.starts_at, disruption.ends_at,
        disruption.opened_at,
    )  # fmt: skip
    await find_visits(connection, disruption, disruption.opened_at)


async def find_visits(connection: Connection, disruption: Disruption, now: datetime) -> int:
    """Add the visits that lie under ``disruption`` and are worked off nowhere yet; return how many.

    Bookings that were under way when it was recorded are found by a later round.
    """
    rows = await connection.fetch(
        _FIND.format(whose=_WHOSE[disruption.kind]),
        disruption.id, disruption.subject_id, disruption.starts_at, disruption.ends_at, now, MOST_FOUND,
    )  # fmt: skip
    return len(rows)


async def withdraw_disruption(connection: Connection, disruption_id: str, at: datetime) -> None:
    """End it: visits still open stand again, except where another leave or closure lies over them."""
    await connection.execute(
        "UPDATE disruption SET withdrawn_at = $2 WHERE id = $1 AND withdrawn_at IS NULL", disruption_id, at
    )
    rows = await connection.fetch(
        f"""
        UPDATE disrupted_visit AS v SET state = $3, ended_at = $2, cause = CASE WHEN EXISTS (
            SELECT FROM blocked_period AS b
            WHERE NOT b.withdrawn AND b.period && tstzrange(v.starts_at, v.ends_at)
                AND ((b.kind = 'clinician' AND b.subject_id = v.clinician_id)
                    OR (b.kind = 'facility' AND b.subject_id = v.facility_id))
        ) THEN 'passed-on' ELSE '' END
        WHERE v.disruption_id = $1 AND v.state IN {OPEN}
        RETURNING v.*, {LABEL}
        """,  # noqa: S608 -- our own constant
        disruption_id,
        at,
        VisitState.RESTORED,
    )
    await append_events(connection, [_ended(row, row["cause"] or row["state"]) for row in rows], at)


async def settle_visit(connection: Connection, change: Change, now: datetime) -> None:
    """End the open disruption of the appointment that ``change`` moves, cancels or sees through."""
    state = ENDED_BY.get(change.action)
    if state is None:
        return
    rows = await connection.fetch(
        f"""
        UPDATE disrupted_visit SET state = $2, ended_at = $3 WHERE appointment_id = $1 AND state IN {OPEN}
        RETURNING *, {LABEL}
        """,  # noqa: S608 -- our own constant
        change.after.id,
        state,
        now,
    )
    await append_events(connection, [_ended(row, row["state"]) for row in rows], now)


async def note_delivery(connection: Connection, about: UUID, telling: Telling) -> None:
    """Write down what became of a message about a visit (by its id) or its appointment (the last one disrupted).

    Who cannot be reached is called: the visit goes on the list at once, not when the time to answer is over.
    """
    visit_id = await connection.fetchval(
        """
        SELECT id FROM disrupted_visit
        WHERE id = $1 OR (appointment_id = $1 AND (ended_at IS NULL OR ended_at > $2::timestamptz - interval '2 days'))
        ORDER BY found_at DESC LIMIT 1 FOR UPDATE
        """,
        about,
        telling.at,
    )
    if visit_id is None:
        return
    await write_telling(connection, visit_id, telling)
    if telling.outcome == "sent":
        await connection.execute(
            """
            UPDATE disrupted_visit SET told_at = $2, not_reached = '',
                answer_by = least(answer_by + greatest($2 - asked_at, interval '0'), starts_at)
            WHERE id = $1 AND told_at IS NULL
            """,
            visit_id,
            telling.at,
        )
    else:
        await connection.execute(
            """
            UPDATE disrupted_visit SET not_reached = $2,
                state = CASE WHEN state = 'asked' THEN 'to-call' ELSE state END,
                cause = CASE WHEN state = 'asked' THEN $3 ELSE cause END,
                told_at = NULL
            WHERE id = $1 AND (told_at IS NULL OR $4)
            """,
            visit_id,
            telling.reason,
            Cause.NOT_REACHED,
            # What was sent came back: nobody was told after all.
            telling.reason == BOUNCED,
        )


async def write_telling(connection: Connection, visit_id: UUID, telling: Telling) -> None:
    """Add a line to the record of who was told when."""
    await connection.execute(
        """
        INSERT INTO disruption_telling (visit_id, kind, channel, outcome, reason, told_by, at)
        VALUES ($1, $2, $3, $4, $5, $6, $7)
        """,
        visit_id, telling.kind, telling.channel, telling.outcome, telling.reason, telling.told_by, telling.at,
    )  # fmt: skip


def _ended(row: asyncpg.Record, outcome: str) -> VisitDisruptionEnded:
    return VisitDisruptionEnded(**event_fields(row), version=2, outcome=outcome)


def event_fields(row: asyncpg.Record) -> dict[str, Any]:
    """Return what every event about a disrupted visit says."""
    return {
        "visit_id": str(row["id"]), "disruption_id": row["disruption_id"], "appointment_id": str(row["appointment_id"]),
        "patient_id": row["patient_id"], "facility_id": row["facility_id"], "starts_at": row["starts_at"],
        "timezone": row["timezone"], "security_label": row["security_label"],
    }  # fmt: skip
