"""Open-slot search in SQL: exact, progressive, and the oracle of anything faster.

The window is scanned in steps that double, from its start: most searches end within the first hours and never read
the rest. A step asks for one more than is needed only through ties: slots of equal start and distance come whole,
because their order is by an id that PostgreSQL cannot compute.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import cache

import asyncpg

from services.availability.domain.slots import OpenSlot, SlotQuery
from services.contracts.slot_offer import slot_id
from services.kernel.database import Database

FIRST_STEP = timedelta(hours=6)
FIRST_STEP_EVERYWHERE = timedelta(minutes=30)
MAX_STEP = timedelta(days=8)
# No session is longer (24 hours of wall clock, 25 when clocks go back); no appointment is longer than 8.
LONGEST_SESSION = "26 hours"
LONGEST_APPOINTMENT = "8 hours"


class PostgresSlotSearch:
    """Implements ports.SlotSearch with one statement a step."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def first(self, query: SlotQuery, limit: int, now: datetime) -> Sequence[OpenSlot]:
        """Return the first ``limit`` open slots by OpenSlot.rank."""
        found: list[OpenSlot] = []
        everywhere = query.distances is None and not query.clinician_ids
        start, step = query.starts_at, FIRST_STEP_EVERYWHERE if everywhere else FIRST_STEP
        async with self._database.connection() as connection:
            # Planning takes ten times as long as running; the pool resets this when the connection goes back.
            await connection.execute("SET plan_cache_mode = force_generic_plan")
            while len(found) < limit and start < query.ends_at:
                end = min(query.ends_at, start + step)
                sql, parameters = _statement(query, start, end, limit - len(found), now)
                rows = await connection.fetch(sql, *parameters)
                found += sorted((_slot(row, query) for row in rows), key=lambda slot: slot.rank)
                start, step = end, min(step * 2, MAX_STEP)
        return found[:limit]


def _statement(query: SlotQuery, start: datetime, end: datetime, limit: int, now: datetime) -> tuple[str, list[object]]:
    """Return the SQL for [start, end) and its parameters."""
    parameters: list[object] = [query.specialty, query.visit_type, query.minutes, start, end, limit, now]
    if query.distances is not None:
        parameters += [list(query.distances), list(query.distances.values())]
    if query.clinician_ids:
        parameters.append(list(query.clinician_ids))
    if query.language:
        parameters.append(query.language)
    if query.first_day is not None or query.last_day is not None:
        parameters += [query.first_day, query.last_day]
    sql = _sql(
        query.distances is not None,
        bool(query.clinician_ids),
        bool(query.language),
        query.first_day is not None or query.last_day is not None,
        query.urgent,
    )
    return sql, parameters


@cache
def _sql(places: bool, clinicians: bool, language: bool, days: bool, urgent: bool) -> str:
    """Return the statement; which conditions it has depends on the kind of query, never on its values."""
    number = iter(range(8, 20))
    distance = "p.distance" if places else "NULL::double precision"
    first_key = "p.distance" if places else "s.facility_id"
    place = f"unnest(${next(number)}::text[], ${next(number)}::double precision[])" if places else ""
    conditions = [f"s.clinician_id = ANY(${next(number)})"] if clinicians else []
    conditions += [f"${next(number)} = ANY(c.languages)"] if language else []
    opens, closes = (
        "greatest(lower(free.period), $4::timestamptz)",
        "least(upper(free.period) - n.length, $5::timestamptz - n.tick)",
    )
    if days:
        opens = f"greatest({opens}, ${next(number)}::date::timestamp AT TIME ZONE f.timezone)"
        closes = f"least({closes}, (${next(number)}::date + 1)::timestamp AT TIME ZONE f.timezone - n.tick)"
    return f"""
    SELECT * FROM (
        SELECT DISTINCT ON (slot.starts_at, {first_key}, s.facility_id, s.clinician_id)
            slot.starts_at, slot.starts_at + n.length AS ends_at, {distance} AS distance, s.facility_id,
            s.clinician_id, s.room_id, s.depth, f.name AS facility_name, f.timezone, c.name AS clinician_name,
            v.version
        FROM working_session s
        {f"JOIN {place} AS p (facility_id, distance) ON p.facility_id = s.facility_id" if places else ""}
        JOIN facility f ON f.facility_id = s.facility_id
        JOIN clinician c ON c.clinician_id = s.clinician_id
        JOIN schedule v ON v.clinician_id = s.clinician_id
        LEFT JOIN visit_length l ON l.clinician_id = s.clinician_id AND l.visit_type = $2
        CROSS JOIN LATERAL (
            SELECT make_interval(mins => coalesce(l.minutes, $3)) AS length,
                make_interval(mins => s.grid_minutes) AS grid, interval '1 microsecond' AS tick
        ) AS n
        CROSS JOIN LATERAL generate_series(0, s.depth - 1) AS lane (number)
        CROSS JOIN LATERAL unnest(
            tstzmultirange(tstzrange(s.starts_at, s.ends_at)) - coalesce((
                SELECT range_agg(tstzrange(b.starts_at, b.ends_at)) FROM busy b
                WHERE b.live AND b.clinician_id = s.clinician_id AND b.lane = lane.number
                    AND b.starts_at < s.ends_at AND b.starts_at > s.starts_at - interval '{LONGEST_APPOINTMENT}'
                    AND b.ends_at > s.starts_at AND (b.expires_at IS NULL OR b.expires_at > $7::timestamptz)
                    {"AND b.reserved_day IS NULL" if urgent else ""}
            ), '{{}}'::tstzmultirange)
        ) AS free (period)
        CROSS JOIN LATERAL generate_series(
            date_bin(n.grid, {opens} + n.grid - n.tick, s.anchor_at), {closes}, n.grid
        ) AS slot (starts_at)
        WHERE s.specialty = $1 AND s.starts_at < $5::timestamptz
            AND s.starts_at > $4::timestamptz - interval '{LONGEST_SESSION}' AND s.ends_at > $4::timestamptz
            AND (s.visit_types = '{{}}' OR $2 = ANY(s.visit_types))
            {"".join(f"AND {condition} " for condition in conditions)}
            AND (s.room_id = '' OR s.depth > (
                SELECT count(*) FROM busy r
                WHERE r.live AND r.room_id <> '' AND r.facility_id = s.facility_id AND r.room_id = s.room_id
                    AND r.starts_at < slot.starts_at + n.length AND r.ends_at > slot.starts_at
                    AND r.starts_at > slot.starts_at - interval '{LONGEST_APPOINTMENT}'
                    AND (r.expires_at IS NULL OR r.expires_at > $7::timestamptz)
            ))
        ORDER BY slot.starts_at, {first_key}, s.facility_id, s.clinician_id,
            s.depth DESC, s.template_id COLLATE "C"
    ) AS open
    ORDER BY starts_at, distance NULLS FIRST FETCH FIRST $6 ROWS WITH TIES
    """  # noqa: S608 -- fixed pieces; every value is a parameter


def _slot(row: asyncpg.Record, query: SlotQuery) -> OpenSlot:
    minutes = int((row["ends_at"] - row["starts_at"]).total_seconds() // 60)
    return OpenSlot(
        slot_id=slot_id(row["clinician_id"], row["facility_id"], query.visit_type, row["starts_at"], minutes),
        clinician_id=row["clinician_id"],
        clinician_name=row["clinician_name"],
        facility_id=row["facility_id"],
        facility_name=row["facility_name"],
        timezone=row["timezone"],
        specialty=query.specialty,
        visit_type=query.visit_type,
        starts_at=row["starts_at"],
        ends_at=row["ends_at"],
        room_id=row["room_id"],
        depth=row["depth"],
        schedule_version=row["version"],
        distance_km=row["distance"],
    )
