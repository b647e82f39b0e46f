"""Disruptions and their visits in PostgreSQL."""

from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any
from uuid import UUID

import asyncpg

from services.booking.adapters.disrupted import LABEL, OPEN, event_fields, find_visits, write_telling
from services.booking.domain.disruption import Cause, DisruptedVisit, Disruption, VisitState
from services.booking.ports import DisruptionStore, DisruptionWork, Facilities, Progress, Telling
from services.contracts.events.booking import VisitDisrupted
from services.contracts.security_labels import SecurityLabel
from services.kernel.audit import AuditEntry
from services.kernel.database import Connection, Database
from services.kernel.outbox import append_audit, append_events

Position = tuple[datetime, UUID]
NO_WORD = "no-word"
# Whose it is and who may know of it may have changed since it was found: the appointment says.
_VISITS = """
SELECT * FROM (
    SELECT v.*, a.patient_id AS patient_now, a.security_label
    FROM disrupted_visit AS v JOIN appointment AS a ON a.id = v.appointment_id
) AS visit
"""


class PostgresDisruptions:
    """Implements ``ports.DisruptionStore`` on one connection inside a transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def running(self, now: datetime) -> Sequence[Disruption]:
        """See ``ports.DisruptionStore``."""
        rows = await self._connection.fetch(
            "SELECT * FROM disruption WHERE withdrawn_at IS NULL AND ends_at > $1 ORDER BY starts_at, id", now
        )
        return [_disruption(row) for row in rows]

    async def find_visits(self, disruption: Disruption, now: datetime) -> int:
        """See ``ports.DisruptionStore``."""
        return await find_visits(self._connection, disruption, now)

    async def found(self, limit: int) -> Sequence[DisruptedVisit]:
        """See ``ports.DisruptionStore``."""
        return await self._visits("state = 'found' ORDER BY starts_at, id LIMIT $1", limit)

    async def waiting_since(self, visit_ids: Collection[UUID]) -> datetime | None:
        """See ``ports.DisruptionStore``."""
        since: datetime | None = await self._connection.fetchval(
            "SELECT min(found_at) FROM disrupted_visit WHERE id = ANY($1)", list(visit_ids)
        )
        return since

    async def shown(self, slot_ids: Collection[str]) -> Mapping[str, int]:
        """See ``ports.DisruptionStore``."""
        rows = await self._connection.fetch(
            f"""
            SELECT item -> 'slot' ->> 'slot_id' AS slot_id, count(*) AS times
            FROM disrupted_visit AS v CROSS JOIN LATERAL jsonb_array_elements(v.alternatives) AS item
            WHERE v.state IN {OPEN} AND item -> 'slot' ->> 'slot_id' = ANY($1) GROUP BY 1
            """,  # noqa: S608 -- our own constant
            list(slot_ids),
        )
        return {row["slot_id"]: row["times"] for row in rows}

    async def ask(
        self, visit: DisruptedVisit, alternatives: Sequence[Mapping[str, Any]], answer_by: datetime, now: datetime
    ) -> bool:
        """See ``ports.DisruptionStore``."""
        row = await self._connection.fetchrow(
            f"""
            UPDATE disrupted_visit SET state = 'asked', asked_at = $4, answer_by = $3, alternatives = $2,
                searched_at = $4
            WHERE id = $1 AND state = 'found' RETURNING *, {LABEL}
            """,  # noqa: S608 -- our own constant
            visit.id,
            [dict(item) for item in alternatives],
            answer_by,
            now,
        )
        if row is None:
            return False
        told = VisitDisrupted(**event_fields(row), version=1, answer_by=answer_by)
        await append_events(self._connection, [told], now)
        return True

    async def give_up_waiting(self, now: datetime) -> int:
        """See ``ports.DisruptionStore``. Of whom no message is known to have arrived, that is the reason."""
        rows = await self._connection.fetch(
            """
            UPDATE disrupted_visit SET state = 'to-call',
                cause = CASE WHEN told_at IS NULL THEN $2 ELSE $3 END,
                not_reached = CASE WHEN told_at IS NULL AND not_reached = '' THEN $4 ELSE not_reached END
            WHERE state = 'asked' AND answer_by <= $1 RETURNING id
            """,
            now,
            Cause.NOT_REACHED,
            Cause.NO_ANSWER,
            NO_WORD,
        )
        return len(rows)

    async def last_moment(self, until: datetime, limit: int) -> Sequence[tuple[Disruption, DisruptedVisit]]:
        """See ``ports.DisruptionStore``."""
        due = await self._visits(
            f"state IN {OPEN} AND cause NOT IN ('checked-in', 'begun') AND starts_at <= $1 ORDER BY starts_at LIMIT $2",
            until,
            limit,
        )
        rows = await self._connection.fetch(
            "SELECT * FROM disruption WHERE id = ANY($1)", sorted({visit.disruption_id for visit in due})
        )
        known = {row["id"]: _disruption(row) for row in rows}
        return [(known[visit.disruption_id], visit) for visit in due]

    async def call_about(self, visit_id: UUID, cause: str, now: datetime) -> None:
        """See ``ports.DisruptionStore``."""
        await self._connection.execute(
            f"UPDATE disrupted_visit SET state = 'to-call', cause = $2 WHERE id = $1 AND state IN {OPEN}",  # noqa: S608 -- our own constant
            visit_id,
            cause,
        )

    async def disruption(self, disruption_id: str) -> Disruption | None:
        """See ``ports.DisruptionStore``."""
        row = await self._connection.fetchrow("SELECT * FROM disruption WHERE id = $1", disruption_id)
        return _disruption(row) if row else None

    async def facilities_of(self, disruption_id: str) -> frozenset[str]:
        """See ``ports.DisruptionStore``."""
        rows = await self._connection.fetch(
            "SELECT DISTINCT facility_id FROM disrupted_visit WHERE disruption_id = $1", disruption_id
        )
        return frozenset(row["facility_id"] for row in rows)

    async def of_facility(self, facility_id: str, limit: int) -> Sequence[Disruption]:
        """See ``ports.DisruptionStore``."""
        rows = await self._connection.fetch(
            """
            SELECT * FROM disruption AS d WHERE (d.kind = 'facility' AND d.subject_id = $1) OR EXISTS (
                SELECT FROM disrupted_visit AS v WHERE v.disruption_id = d.id AND v.facility_id = $1
            )
            ORDER BY d.opened_at DESC, d.id LIMIT $2
            """,
            facility_id,
            limit,
        )
        return [_disruption(row) for row in rows]

    async def of_clinician(self, clinician_id: str, limit: int) -> Sequence[Disruption]:
        """See ``ports.DisruptionStore``."""
        rows = await self._connection.fetch(
            """
            SELECT * FROM disruption WHERE kind = 'clinician' AND subject_id = $1 ORDER BY opened_at DESC, id LIMIT $2
            """,
            clinician_id,
            limit,
        )
        return [_disruption(row) for row in rows]

    async def progress(self, disruption_id: str, facilities: Facilities) -> Progress:
        """See ``ports.DisruptionStore``."""
        rows = await self._connection.fetch(
            """
            SELECT state, cause, not_reached, told_at IS NOT NULL AS told, count(*) AS visits FROM disrupted_visit
            WHERE disruption_id = $1 AND ($2::text [] IS NULL OR facility_id = ANY($2)) GROUP BY 1, 2, 3, 4
            """,
            disruption_id,
            None if facilities is None else sorted(facilities),
        )
        states = dict.fromkeys([*VisitState], 0)
        not_reached: dict[str, int] = {}
        to_call: dict[str, int] = {}
        told = on_the_way = 0
        for row in rows:
            visits = row["visits"]
            states[VisitState(row["state"])] += visits
            if row["state"] == VisitState.TO_CALL:
                to_call[row["cause"]] = to_call.get(row["cause"], 0) + visits
            if row["told"]:
                told += visits
            elif row["not_reached"]:
                not_reached[row["not_reached"]] = not_reached.get(row["not_reached"], 0) + visits
            else:
                on_the_way += visits
        return Progress(sum(states.values()), told, on_the_way, not_reached, states, to_call)

    async def visits(
        self, disruption_id: str, facilities: Facilities, after: Position | None, limit: int
    ) -> Sequence[DisruptedVisit]:
        """See ``ports.DisruptionStore``."""
        return await self._visits(
            """
            disruption_id = $1 AND ($2::text [] IS NULL OR facility_id = ANY($2))
            AND ($3::timestamptz IS NULL OR (starts_at, id) > ($3, $4::uuid)) ORDER BY starts_at, id LIMIT $5
            """,
            disruption_id,
            None if facilities is None else sorted(facilities),
            *(after or (None, None)),
            limit,
        )

    async def to_call(self, facility_id: str, after: Position | None, limit: int) -> Sequence[DisruptedVisit]:
        """See ``ports.DisruptionStore``."""
        return await self._visits(
            """
            facility_id = $1 AND state = 'to-call'
            AND ($2::timestamptz IS NULL OR (starts_at, id) > ($2, $3::uuid)) ORDER BY starts_at, id LIMIT $4
            """,
            facility_id,
            *(after or (None, None)),
            limit,
        )

    async def tellings(self, visit_ids: Collection[UUID]) -> Mapping[UUID, Sequence[Telling]]:
        """See ``ports.DisruptionStore``."""
        rows = await self._connection.fetch(
            "SELECT * FROM disruption_telling WHERE visit_id = ANY($1) ORDER BY id", list(visit_ids)
        )
        told: dict[UUID, list[Telling]] = {visit_id: [] for visit_id in visit_ids}
        for row in rows:
            telling = Telling(row["kind"], row["channel"], row["outcome"], row["reason"], row["told_by"], row["at"])
            told[row["visit_id"]].append(telling)
        return told

    async def visit(self, visit_id: UUID) -> DisruptedVisit | None:
        """See ``ports.DisruptionStore``."""
        return next(iter(await self._visits("id = $1", visit_id)), None)

    async def open_of_patient(self, patient_id: str) -> Sequence[DisruptedVisit]:
        """See ``ports.DisruptionStore``."""
        return await self._visits(
            f"""
            appointment_id IN (SELECT id FROM appointment WHERE patient_id = $1) AND state IN {OPEN}
            ORDER BY starts_at, id
            """,  # noqa: S608 -- our own constant
            patient_id,
        )

    async def keep_alternatives(self, visit_id: UUID, items: Sequence[Mapping[str, Any]], now: datetime) -> None:
        """See ``ports.DisruptionStore``."""
        await self._connection.execute(
            f"UPDATE disrupted_visit SET alternatives = $2, searched_at = $3 WHERE id = $1 AND state IN {OPEN}",  # noqa: S608 -- our own constant
            visit_id,
            [dict(item) for item in items],
            now,
        )

    async def tell(self, visit_id: UUID, telling: Telling) -> None:
        """See ``ports.DisruptionStore``."""
        await write_telling(self._connection, visit_id, telling)

    async def reached(self, visit_id: UUID, at: datetime) -> None:
        """See ``ports.DisruptionStore``."""
        await self._connection.execute(
            "UPDATE disrupted_visit SET told_at = coalesce(told_at, $2), not_reached = '' WHERE id = $1", visit_id, at
        )

    async def audit(self, entry: AuditEntry) -> None:
        """See ``ports.DisruptionStore``."""
        await append_audit(self._connection, [entry])

    async def _visits(self, condition: str, *values: object) -> list[DisruptedVisit]:
        rows = await self._connection.fetch(f"{_VISITS} WHERE {condition}", *values)
        return [_visit(row) for row in rows]


def disruption_work(database: Database) -> DisruptionWork:
    """Return the maker of stores over ``database``."""

    @asynccontextmanager
    async def work() -> AsyncIterator[DisruptionStore]:
        async with database.transaction() as connection:
            yield PostgresDisruptions(connection)

    return work


def _disruption(row: asyncpg.Record) -> Disruption:
    return Disruption(
        row["id"], row["kind"], row["subject_id"], row["starts_at"], row["ends_at"], row["opened_at"],
        row["withdrawn_at"],
    )  # fmt: skip


def _visit(row: asyncpg.Record) -> DisruptedVisit:
    return DisruptedVisit(
        id=row["id"], disruption_id=row["disruption_id"], appointment_id=row["appointment_id"],
        patient_id=row["patient_now"], clinician_id=row["clinician_id"], facility_id=row["facility_id"],
        specialty=row["specialty"], visit_type=row["visit_type"], slot_id=row["slot_id"], starts_at=row["starts_at"],
        ends_at=row["ends_at"], timezone=row["timezone"], state=VisitState(row["state"]), cause=row["cause"],
        answer_by=row["answer_by"], told_at=row["told_at"], not_reached=row["not_reached"],
        alternatives=tuple(row["alternatives"]), searched_at=row["searched_at"],
        label=SecurityLabel(row["security_label"]),
    )  # fmt: skip
