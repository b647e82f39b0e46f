"""The list in PostgreSQL. Who is next is a walk along one index; who was faster is settled by the version."""

from collections.abc import Sequence
from datetime import date, datetime
from uuid import UUID

from services.contracts.events.waitlist import DemandChanged
from services.kernel.database import Connection
from services.kernel.outbox import Publishable
from services.waitlist.adapters.rows import request_of, windows_json
from services.waitlist.domain.ranking import standing
from services.waitlist.domain.requests import Priority, Request, Status
from services.waitlist.ports import Candidate, FreedSlot, Submission

# The list holds no more of one specialty and visit type than one page of index entries before a match is found.
CANDIDATES = """
SELECT r.*, p.timezone FROM request AS r
JOIN consent AS c ON c.patient_id = r.patient_id AND c.offers
LEFT JOIN patient AS p ON p.patient_id = r.patient_id
WHERE r.status = 'waiting' AND r.specialty = $1 AND r.visit_type = $2 AND $3 = any(r.facility_ids)
    AND (r.clinician_ids = '{}' OR $4 = any(r.clinician_ids))
    AND (r.earliest IS NULL OR r.earliest <= $5) AND (r.latest IS NULL OR r.latest >= $5)
    AND (p.active IS NULL OR p.active)
    AND NOT EXISTS (SELECT FROM offer AS o WHERE o.freed_id = $6 AND o.request_id = r.id)
    AND ($7::timestamptz IS NULL OR (r.standing_at, r.id) > ($7, $8::uuid))
ORDER BY r.standing_at, r.id LIMIT $9
"""


class PostgresRequests:
    """Implements ``ports.Requests`` in the transaction of ``connection``."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def submitted(self, submission: Submission) -> tuple[Request, bytes] | None:
        """See ``ports.Requests``."""
        row = await self._connection.fetchrow(
            "SELECT * FROM request WHERE submitted_by = $1 AND idempotency_key = $2", submission.subject, submission.key
        )
        return (request_of(row), row["fingerprint"]) if row is not None else None

    async def add(self, request: Request, submission: Submission) -> bool:
        """See ``ports.Requests``."""
        wishes = request.wishes
        return bool(
            await self._connection.fetchval(
                """
                INSERT INTO request (
                    id, patient_id, specialty, visit_type, facility_ids, clinician_ids, weekdays, windows, earliest,
                    latest, notice_minutes, minutes, priority, status, version, joined_at, lapses, standing_at,
                    submitted_by, idempotency_key, fingerprint, interpreter
                )
                VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21,
                    $22)
                ON CONFLICT DO NOTHING RETURNING true
                """,
                request.id, request.patient_id, request.specialty, request.visit_type, sorted(wishes.facilities),
                sorted(wishes.clinicians), sorted(wishes.weekdays), windows_json(wishes.windows), wishes.earliest,
                wishes.latest, int(wishes.notice.total_seconds() // 60), wishes.minutes, request.priority,
                request.status, request.version, request.joined_at, request.lapses,
                standing(request.priority, request.joined_at, request.lapses), submission.subject, submission.key,
                submission.fingerprint, wishes.interpreter,
            )
        )  # fmt: skip

    async def request(self, request_id: UUID, *, lock: bool = False) -> Request | None:
        """See ``ports.Requests``."""
        row = await self._connection.fetchrow(
            f"SELECT * FROM request WHERE id = $1 {'FOR UPDATE' if lock else ''}",  # noqa: S608 -- our own words
            request_id,
        )
        return request_of(row) if row is not None else None

    async def requests_of(self, patient_id: str, limit: int) -> Sequence[Request]:
        """See ``ports.Requests``."""
        rows = await self._connection.fetch(
            "SELECT * FROM request WHERE patient_id = $1 ORDER BY id DESC LIMIT $2", patient_id, limit
        )
        return [request_of(row) for row in rows]

    async def waiting_at(
        self, facility_id: str, after: tuple[datetime, UUID] | None, limit: int
    ) -> Sequence[tuple[Request, datetime]]:
        """See ``ports.Requests``."""
        rows = await self._connection.fetch(
            """
            SELECT * FROM request
            WHERE status IN ('waiting', 'offered') AND facility_ids @> ARRAY[$1::text]
                AND ($2::timestamptz IS NULL OR (standing_at, id) > ($2, $3::uuid))
            ORDER BY standing_at, id LIMIT $4
            """,
            facility_id,
            *(after or (None, None)),
            limit,
        )
        return [(request_of(row), row["standing_at"]) for row in rows]

    async def step(self, request: Request, status: Status, *, lapses: int | None = None) -> Request | None:
        """See ``ports.Requests``."""
        lapsed = request.lapses if lapses is None else lapses
        return await self._change(request, status, request.priority, lapsed)

    async def set_priority(self, request: Request, priority: Priority) -> Request | None:
        """See ``ports.Requests``."""
        return await self._change(request, request.status, priority, request.lapses)

    async def stranded(self, limit: int) -> Sequence[tuple[Request, str]]:
        """See ``ports.Requests``."""
        rows = await self._connection.fetch(
            """
            SELECT r.*, m.stands_for FROM alias AS m JOIN request AS r ON r.patient_id = m.id ORDER BY r.id LIMIT $1
            """,
            limit,
        )
        return [(request_of(row), row["stands_for"]) for row in rows]

    async def live_twin(self, request: Request, patient_id: str) -> Request | None:
        """See ``ports.Requests``."""
        row = await self._connection.fetchrow(
            """
            SELECT * FROM request WHERE patient_id = $1 AND specialty = $2 AND visit_type = $3
                AND status IN ('waiting', 'offered')
            """,
            patient_id,
            request.specialty,
            request.visit_type,
        )
        return request_of(row) if row is not None else None

    async def reassign(self, request_id: UUID, patient_id: str) -> None:
        """See ``ports.Requests``."""
        await self._connection.execute(
            "UPDATE request SET patient_id = $2, version = version + 1 WHERE id = $1", request_id, patient_id
        )
        await self._connection.execute("UPDATE offer SET patient_id = $2 WHERE request_id = $1", request_id, patient_id)

    async def restand(self, request_id: UUID, priority: Priority, joined_at: datetime, lapses: int) -> None:
        """See ``ports.Requests``."""
        await self._connection.execute(
            """
            UPDATE request SET priority = $2, joined_at = $3, lapses = $4, standing_at = $5, version = version + 1
            WHERE id = $1
            """,
            request_id, priority, joined_at, lapses, standing(priority, joined_at, lapses),
        )  # fmt: skip

    async def outlived(self, day: date, limit: int) -> Sequence[Request]:
        """See ``ports.Requests``."""
        rows = await self._connection.fetch(
            """
            SELECT * FROM request WHERE status = 'waiting' AND latest < $1
            ORDER BY latest LIMIT $2 FOR UPDATE SKIP LOCKED
            """,
            day,
            limit,
        )
        return [request_of(row) for row in rows]

    async def candidates(
        self, freed: FreedSlot, day: date, after: tuple[datetime, UUID] | None, limit: int
    ) -> Sequence[Candidate]:
        """See ``ports.Requests``."""
        slot = freed.slot
        rows = await self._connection.fetch(
            CANDIDATES, slot.specialty, slot.visit_type, slot.facility_id, slot.clinician_id, day, freed.freed_id,
            *(after or (None, None)), limit,
        )  # fmt: skip
        return [Candidate(request_of(row), row["standing_at"], row["timezone"] or "") for row in rows]

    async def count_demand(self, request: Request, change: int) -> Sequence[Publishable]:
        """See ``ports.Requests``. Facilities in order, against deadlocks."""
        rows = await self._connection.fetch(
            """
            INSERT INTO demand AS d (facility_id, specialty, waiting, version)
            SELECT facility_id, $2, greatest($3, 0), 1 FROM unnest($1::text []) AS f (facility_id) ORDER BY facility_id
            ON CONFLICT (facility_id, specialty) DO UPDATE SET
                waiting = greatest(d.waiting + $3, 0),
                version = d.version + CASE WHEN (d.waiting = 0) <> (d.waiting + $3 <= 0) THEN 1 ELSE 0 END
            RETURNING facility_id, waiting, version
            """,
            sorted(request.wishes.facilities),
            request.specialty,
            change,
        )
        turned = [row for row in rows if row["waiting"] == (1 if change > 0 else 0)]
        return [
            DemandChanged(
                facility_id=row["facility_id"], specialty=request.specialty, waiting=change > 0, version=row["version"]
            )
            for row in turned
        ]

    async def _change(self, request: Request, status: Status, priority: Priority, lapses: int) -> Request | None:
        row = await self._connection.fetchrow(
            """
            UPDATE request SET status = $3, priority = $4, lapses = $5, standing_at = $6, version = version + 1
            WHERE id = $1 AND version = $2 RETURNING *
            """,
            request.id, request.version, status, priority, lapses, standing(priority, request.joined_at, lapses),
        )  # fmt: skip
        return request_of(row) if row is not None else None
