"""Clinics in PostgreSQL, and the search that offers their starts beside the ordinary ones."""

import heapq
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from uuid import UUID

from services.availability.adapters.postgres import PostgresStore
from services.availability.domain.clinics import Clinic
from services.availability.domain.sessions import Period
from services.availability.domain.slots import OpenSlot, SlotQuery
from services.availability.ports import SlotSearch
from services.availability.usecases.clinics import ClinicStore, ClinicWork
from services.contracts.slot_offer import slot_id
from services.kernel.database import Database

# Most kinds of visit have no clinics; a second after the first one is published, its kind is known to have.
KNOWN_SECONDS = 1.0
OPEN = """
SELECT c.clinician_id, c.facility_id, c.room_id, c.minutes, c.capacity, start.at AS starts_at,
    start.at + make_interval(mins => c.minutes) AS ends_at,
    f.name AS facility_name, f.timezone, n.name AS clinician_name, coalesce(v.version, 0) AS version
FROM clinic AS c
JOIN facility AS f USING (facility_id)
JOIN clinician AS n USING (clinician_id)
LEFT JOIN schedule AS v USING (clinician_id)
CROSS JOIN LATERAL generate_series(
    c.starts_at, c.ends_at - make_interval(mins => c.minutes), make_interval(mins => c.minutes)
) AS start (at)
WHERE c.visit_type = $1 AND c.ends_at > $2 AND start.at >= $2 AND start.at < $3
    AND ($4::text [] IS NULL OR c.facility_id = ANY($4)) AND ($5::text [] = '{}' OR c.clinician_id = ANY($5))
    AND ($6 = '' OR $6 = ANY(n.languages))
    AND ($7::date IS NULL OR (start.at AT TIME ZONE f.timezone)::date >= $7)
    AND ($8::date IS NULL OR (start.at AT TIME ZONE f.timezone)::date <= $8)
    AND NOT EXISTS (SELECT FROM leave AS l WHERE l.clinician_id = c.clinician_id
        AND l.starts_at < start.at + make_interval(mins => c.minutes) AND l.ends_at > start.at)
    AND NOT EXISTS (SELECT FROM closure AS k WHERE k.facility_id = c.facility_id
        AND k.starts_at < start.at + make_interval(mins => c.minutes) AND k.ends_at > start.at)
    AND c.capacity > (
        SELECT count(*) FROM busy AS b
        WHERE b.live AND b.clinician_id = c.clinician_id AND b.starts_at = start.at
            AND (b.expires_at IS NULL OR b.expires_at > $9)
    )
ORDER BY start.at, c.facility_id, c.clinician_id LIMIT $10
"""


class PostgresClinics(PostgresStore):
    """Implements usecases.clinics.ClinicStore on one connection, inside a transaction."""

    async def works(self, clinician_id: str, period: Period) -> bool:
        """See ClinicStore."""
        return bool(
            await self._connection.fetchval(
                """
                SELECT EXISTS (SELECT FROM working_session
                    WHERE clinician_id = $1 AND starts_at < $3 AND ends_at > $2)
                OR EXISTS (SELECT FROM clinic WHERE clinician_id = $1 AND starts_at < $3 AND ends_at > $2)
                """,
                clinician_id, period.starts_at, period.ends_at,
            )
        )  # fmt: skip

    async def add_clinic(self, clinic: Clinic) -> None:
        """See ClinicStore."""
        await self._connection.execute(
            "INSERT INTO clinic VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)", clinic.clinic_id, clinic.clinician_id,
            clinic.facility_id, clinic.room_id, clinic.visit_type, clinic.period.starts_at, clinic.period.ends_at,
            clinic.minutes, clinic.capacity,
        )  # fmt: skip

    async def remove_clinic(self, clinician_id: str, clinic_id: UUID) -> bool:
        """See ClinicStore."""
        return bool(
            await self._connection.fetchval(
                "DELETE FROM clinic WHERE clinician_id = $1 AND clinic_id = $2 RETURNING true", clinician_id, clinic_id
            )
        )

    async def clinics_of(self, clinician_id: str, ends_after: datetime) -> Sequence[Clinic]:
        """See ClinicStore."""
        rows = await self._connection.fetch(
            "SELECT * FROM clinic WHERE clinician_id = $1 AND ends_at > $2 ORDER BY starts_at", clinician_id, ends_after
        )
        return [
            Clinic(
                row["clinic_id"], row["clinician_id"], row["facility_id"], row["room_id"], row["visit_type"],
                Period(row["starts_at"], row["ends_at"]), row["minutes"], row["capacity"],
            )
            for row in rows
        ]  # fmt: skip


def clinic_work(database: Database) -> ClinicWork:
    """Return what opens a transaction and lends its store."""

    @asynccontextmanager
    async def work() -> AsyncIterator[ClinicStore]:
        async with database.transaction() as connection:
            yield PostgresClinics(connection)

    return work


class ClinicSearch:
    """Implements ports.SlotSearch: what ``beside`` finds, and the starts of clinics that have places left."""

    def __init__(self, database: Database, beside: SlotSearch) -> None:
        self._database = database
        self._beside = beside
        self._kinds: frozenset[str] = frozenset()
        self._known_at = float("-inf")

    async def first(self, query: SlotQuery, limit: int, now: datetime) -> Sequence[OpenSlot]:
        """Return the first ``limit`` open slots by OpenSlot.rank."""
        found = await self._beside.first(query, limit, now)
        if time.monotonic() - self._known_at > KNOWN_SECONDS:
            self._known_at = time.monotonic()
            async with self._database.connection() as connection:
                rows = await connection.fetch("SELECT DISTINCT visit_type FROM clinic WHERE ends_at > $1", now)
            self._kinds = frozenset(row["visit_type"] for row in rows)
        if query.visit_type not in self._kinds:
            return found
        return heapq.nsmallest(limit, [*found, *await self._clinics(query, limit, now)], key=lambda slot: slot.rank)

    async def _clinics(self, query: SlotQuery, limit: int, now: datetime) -> Sequence[OpenSlot]:
        distances = query.distances
        async with self._database.connection() as connection:
            rows = await connection.fetch(
                OPEN, query.visit_type, query.starts_at, query.ends_at, None if distances is None else list(distances),
                list(query.clinician_ids), query.language, query.first_day, query.last_day, now, limit,
            )  # fmt: skip
        return [
            OpenSlot(
                slot_id=slot_id(
                    row["clinician_id"], row["facility_id"], query.visit_type, row["starts_at"], row["minutes"]
                ),
                clinician_id=row["clinician_id"], clinician_name=row["clinician_name"],
                facility_id=row["facility_id"], facility_name=row["facility_name"], timezone=row["timezone"],
                specialty=query.specialty, visit_type=query.visit_type, starts_at=row["starts_at"],
                ends_at=row["ends_at"], room_id=row["room_id"], depth=1,
                schedule_version=row["version"],
                distance_km=None if distances is None else distances[row["facility_id"]], capacity=row["capacity"],
            )
            for row in rows
        ]  # fmt: skip
