"""Visits as slotting learns from them: booked when, checked in when, ended when, kept or missed."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import TypeVar

import asyncpg

from services.availability.domain.sessions import Period
from services.availability.ports import Appointment, BookedVisit, Measured, TrackedVisit
from services.kernel.database import Connection

Versioned = TypeVar("Versioned", Appointment, TrackedVisit)
_PUT = """
    INSERT INTO visit (appointment_id, version, patient_key, clinician_id, facility_id, specialty, visit_type, timezone,
        starts_at, ends_at, status, booked_at, checked_in_at, ended_at)
    SELECT * FROM unnest(
        $1::text [], $2::bigint [], $3::bigint [], $4::text [], $5::text [], $6::text [], $7::text [], $8::text [],
        $9::timestamptz [], $10::timestamptz [], $11::text [], $12::timestamptz [], $13::timestamptz [],
        $14::timestamptz []
    ) AS n (appointment_id) ORDER BY n.appointment_id
    ON CONFLICT (appointment_id) DO UPDATE SET
        booked_at = least(visit.booked_at, excluded.booked_at),
        checked_in_at = coalesce(visit.checked_in_at, excluded.checked_in_at),
        ended_at = coalesce(visit.ended_at, excluded.ended_at),
        (version, clinician_id, facility_id, specialty, visit_type, timezone, starts_at, ends_at, status) = (
            SELECT newest.* FROM (VALUES
                (visit.version, visit.clinician_id, visit.facility_id, visit.specialty, visit.visit_type,
                    visit.timezone, visit.starts_at, visit.ends_at, visit.status),
                (excluded.version, excluded.clinician_id, excluded.facility_id, excluded.specialty,
                    excluded.visit_type, excluded.timezone, excluded.starts_at, excluded.ends_at, excluded.status)
            ) AS newest (version) ORDER BY newest.version DESC LIMIT 1
        )
"""
_MARK = """
    INSERT INTO slot_plan_stale (clinician_id, day)
    SELECT DISTINCT n.clinician_id, (n.starts_at AT TIME ZONE n.timezone)::date AS day
    FROM unnest($1::text [], $2::timestamptz [], $3::text []) AS n (clinician_id, starts_at, timezone)
    WHERE EXISTS (SELECT FROM template AS t WHERE t.clinician_id = n.clinician_id AND t.adaptive)
    ORDER BY n.clinician_id, day
    ON CONFLICT DO NOTHING
"""
# A clinician's visits one after the other: one begins when the patient is there and the one before has ended.
_MEASURED = """
    SELECT * FROM (
        SELECT clinician_id, visit_type, checked_in_at, ended_at,
            extract(epoch FROM visit.ends_at - visit.starts_at)::integer / 60 AS planned,
            lag(ended_at) OVER (PARTITION BY clinician_id ORDER BY ended_at) AS former_ended_at
        FROM visit WHERE ended_at >= $2 AND {scope}
    ) AS course WHERE checked_in_at IS NOT NULL {more}
"""
_OF_ONE = _MEASURED.format(scope="clinician_id = $1", more="")
_OF_TYPE = _MEASURED.format(
    scope="clinician_id IN (SELECT DISTINCT clinician_id FROM visit WHERE visit_type = $1 AND ended_at >= $2)",
    more="AND visit_type = $1 ORDER BY ended_at DESC LIMIT $3",
)


class VisitRows:
    """Implements ports.VisitLog on one connection, inside a transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def put_visits(self, visits: Sequence[TrackedVisit]) -> None:
        """Keep what is new: the newest version of what may change, the earliest booking, the instants once told."""
        if not visits:
            return
        at = _instants(visits)
        rows = [
            (
                one.appointment_id, one.version, one.patient_key, one.clinician_id, one.facility_id, one.specialty,
                one.visit_type, one.timezone, one.period.starts_at, one.period.ends_at, one.status,
                *(at.get((one.appointment_id, step)) for step in ("booked", "checked-in", "ended")),
            )
            for one in newest(visits)
        ]  # fmt: skip
        await self._connection.execute(_PUT, *zip(*rows, strict=True))
        days = {(one.clinician_id, one.period.starts_at, one.timezone) for one in visits}
        await self._connection.execute(_MARK, *zip(*days, strict=True))

    async def booked_visits(
        self, clinician_ids: Collection[str], window: Period, now: datetime
    ) -> Sequence[BookedVisit]:
        """Return the live appointments that begin in ``window``, holds that have run out left aside."""
        rows = await self._connection.fetch(
            """
            SELECT b.clinician_id, b.starts_at, b.ends_at, v.patient_key,
                coalesce((v.starts_at AT TIME ZONE v.timezone)::date - (v.booked_at AT TIME ZONE v.timezone)::date, 0)
                    AS lead_days
            FROM busy b LEFT JOIN visit v ON v.appointment_id = b.appointment_id
            WHERE b.live AND b.reserved_day IS NULL AND b.clinician_id = ANY($1)
                AND b.starts_at >= $2 AND b.starts_at < $3 AND (b.expires_at IS NULL OR b.expires_at > $4)
            """,
            list(clinician_ids), window.starts_at, window.ends_at, now,
        )  # fmt: skip
        return [
            BookedVisit(
                r["clinician_id"], Period(r["starts_at"], r["ends_at"]), max(0, r["lead_days"]), r["patient_key"]
            )
            for r in rows
        ]

    async def outcomes_of(self, patient_keys: Collection[int]) -> Sequence[tuple[int, int, bool]]:
        """Return patient, lead days and whether it was missed, of every finished visit of these patients."""
        rows = await self._connection.fetch(
            """
            SELECT patient_key, status = 'noshow' AS missed, greatest(0,
                (starts_at AT TIME ZONE timezone)::date - (booked_at AT TIME ZONE timezone)::date) AS lead_days
            FROM visit WHERE patient_key = ANY($1) AND status IN ('fulfilled', 'noshow')
            """,
            list(patient_keys),
        )
        return [(row["patient_key"], row["lead_days"] or 0, row["missed"]) for row in rows]

    async def attendance(self, specialties: Collection[str], since: datetime) -> Sequence[tuple[str, int, int, int]]:
        """Return specialty, lead days, visits and how many of them were missed, since the instant."""
        rows = await self._connection.fetch(
            """
            SELECT specialty, coalesce(greatest(0,
                (starts_at AT TIME ZONE timezone)::date - (booked_at AT TIME ZONE timezone)::date), 0) AS lead_days,
                count(*) AS visits, count(*) FILTER (WHERE status = 'noshow') AS missed
            FROM visit WHERE specialty = ANY($1) AND ends_at >= $2 AND status IN ('fulfilled', 'noshow')
            GROUP BY 1, 2
            """,
            list(specialties),
            since,
        )
        return [(row["specialty"], row["lead_days"], row["visits"], row["missed"]) for row in rows]

    async def measured_by(self, clinician_id: str, since: datetime) -> Sequence[Measured]:
        """Return the clinician's finished visits since the instant."""
        return [_measured(row) for row in await self._connection.fetch(_OF_ONE, clinician_id, since)]

    async def measured_of(self, visit_type: str, since: datetime, limit: int) -> Sequence[Measured]:
        """Return the last ``limit`` finished visits of the type since the instant."""
        return [_measured(row) for row in await self._connection.fetch(_OF_TYPE, visit_type, since, limit)]

    async def urgent_demand(
        self, urgent: Collection[str], recent: Period, usual: Period
    ) -> Mapping[tuple[str, str], tuple[int, int]]:
        """Return how many urgent visits were booked in each period, where a template is adaptive."""
        rows = await self._connection.fetch(
            """
            SELECT place.facility_id, place.specialty,
                count(v.booked_at) FILTER (WHERE v.booked_at >= $2 AND v.booked_at < $3) AS recent,
                count(v.booked_at) FILTER (WHERE v.booked_at >= $4 AND v.booked_at < $5) AS usual
            FROM (
                SELECT DISTINCT t.facility_id, c.specialty
                FROM template t JOIN clinician c ON c.clinician_id = t.clinician_id WHERE t.adaptive
            ) AS place
            LEFT JOIN visit v ON v.facility_id = place.facility_id AND v.specialty = place.specialty
                AND v.visit_type = ANY($1) AND v.booked_at >= $4 AND v.booked_at < $3
            GROUP BY 1, 2
            """,
            list(urgent), recent.starts_at, recent.ends_at, usual.starts_at, usual.ends_at,
        )  # fmt: skip
        return {(row["facility_id"], row["specialty"]): (row["recent"], row["usual"]) for row in rows}

    async def drop_visits(self, before: datetime) -> None:
        """Forget visits that ended before the instant."""
        await self._connection.execute("DELETE FROM visit WHERE ends_at < $1", before)


def newest(told: Sequence[Versioned]) -> Sequence[Versioned]:
    """Return the latest version of each appointment, of equal ones the one that came first."""
    found: dict[str, Versioned] = {}
    for one in told:
        kept = found.get(one.appointment_id)
        if kept is None or one.version > kept.version:
            found[one.appointment_id] = one
    return list(found.values())


def _instants(visits: Sequence[TrackedVisit]) -> Mapping[tuple[str, str], datetime]:
    """Return when each step of each visit was taken: bookings the earliest, others as they were told first."""
    found: dict[tuple[str, str], datetime] = {}
    for one in visits:
        step = one.appointment_id, one.step
        at = found.setdefault(step, one.at)
        if one.step == "booked":
            found[step] = min(at, one.at)
    return found


def _measured(row: asyncpg.Record) -> Measured:
    return Measured(
        row["clinician_id"], row["visit_type"], row["planned"], row["checked_in_at"], row["ended_at"],
        row["former_ended_at"],
    )  # fmt: skip
