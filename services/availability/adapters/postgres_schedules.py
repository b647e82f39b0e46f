"""Templates, absences and the working time made from them.

Two kinds of change lock differently: one clinician's schedule takes its row (and the shared half of one advisory
lock), a facility's closure or record takes the advisory lock alone, because it reaches schedules not written yet.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import date, datetime
from uuid import UUID

import asyncpg

from services.availability.domain.absences import Closure, Leave
from services.availability.domain.directory import Clinician
from services.availability.domain.sessions import Period, WorkingSession
from services.availability.domain.templates import Template, Weekday
from services.availability.ports import StoredTemplate
from services.kernel.database import Connection
from services.kernel.ids import content_key

_LOCK = content_key("availability", "schedules")
_NEVER = date(1970, 1, 1)
SESSION_COLUMNS = (
    "clinician_id", "starts_at", "template_id", "ends_at", "anchor_at", "day", "facility_id", "room_id", "specialty",
    "grid_minutes", "depth", "visit_types", "layer",
)  # fmt: skip
TEMPLATE_COLUMNS = (
    "clinician_id", "template_id", "version", "facility_id", "room_id", "weekdays", "starts", "ends", "valid_from",
    "valid_until", "interval_weeks", "grid_minutes", "visit_types", "depth", "observes_holidays", "adaptive",
)  # fmt: skip
_PUT_TEMPLATE = f"""
    INSERT INTO template ({", ".join(TEMPLATE_COLUMNS)})
    SELECT $1, $2, version + 1, {", ".join(f"${n}" for n in range(3, len(TEMPLATE_COLUMNS)))}
    FROM schedule WHERE clinician_id = $1
    ON CONFLICT (clinician_id, template_id) DO UPDATE
    SET {", ".join(f"{column} = excluded.{column}" for column in TEMPLATE_COLUMNS[2:])}
"""  # noqa: S608 -- column names of ours


class ScheduleRows:
    """Implements ports.Schedules on one connection, inside a transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def lock_schedules(self, clinician_ids: Collection[str]) -> None:
        """Lock the schedules of ``clinician_ids``, making rows for new ones; in order, so that none deadlock."""
        ids = sorted(set(clinician_ids))
        await self._connection.execute("SELECT pg_advisory_xact_lock_shared($1)", _LOCK)
        await self._connection.execute(
            "INSERT INTO schedule (clinician_id) SELECT unnest($1::text[]) ON CONFLICT DO NOTHING", ids
        )
        await self._connection.execute(
            "SELECT 1 FROM schedule WHERE clinician_id = ANY($1) ORDER BY clinician_id FOR UPDATE", ids
        )

    async def lock_facilities(self) -> None:
        """Lock all schedules, also those nobody has written yet."""
        await self._connection.execute("SELECT pg_advisory_xact_lock($1)", _LOCK)

    async def templates_of(self, clinician_ids: Collection[str]) -> Sequence[StoredTemplate]:
        """Return the templates of ``clinician_ids``, in order of clinician and template."""
        rows = await self._connection.fetch(
            f"SELECT {', '.join(TEMPLATE_COLUMNS)} FROM template WHERE clinician_id = ANY($1) ORDER BY 1, 2",  # noqa: S608 -- column names of ours
            list(clinician_ids),
        )
        return [_stored(row) for row in rows]

    async def clinicians_with_templates_at(self, facility_id: str) -> Sequence[str]:
        """Return the clinicians with a template at the facility, in order."""
        rows = await self._connection.fetch(
            "SELECT DISTINCT clinician_id FROM template WHERE facility_id = $1 ORDER BY 1", facility_id
        )
        return [row["clinician_id"] for row in rows]

    async def put_templates(self, templates: Sequence[Template]) -> None:
        """Write or overwrite the templates, stamped with the schedules' next version; they must be locked."""
        await self._connection.executemany(_PUT_TEMPLATE, [template_row(template) for template in templates])

    async def delete_template(self, clinician_id: str, template_id: str) -> None:
        """Remove the template if it exists."""
        await self._connection.execute(
            "DELETE FROM template WHERE clinician_id = $1 AND template_id = $2", clinician_id, template_id
        )

    async def schedule_version(self, clinician_id: str) -> int:
        """Return the version, 0 for a schedule that never was."""
        version = await self._connection.fetchval("SELECT version FROM schedule WHERE clinician_id = $1", clinician_id)
        return int(version or 0)

    async def bump(self, clinician_ids: Collection[str]) -> None:
        """Raise the versions by one."""
        await self._connection.execute(
            "UPDATE schedule SET version = version + 1 WHERE clinician_id = ANY($1)", list(clinician_ids)
        )

    async def visit_lengths(self, clinician_id: str) -> Mapping[str, int]:
        """Return the clinician's own lengths in minutes by visit type."""
        rows = await self._connection.fetch(
            "SELECT visit_type, minutes FROM visit_length WHERE clinician_id = $1 AND NOT learnt ORDER BY 1",
            clinician_id,
        )
        return {row["visit_type"]: row["minutes"] for row in rows}

    async def set_visit_length(self, clinician_id: str, visit_type: str, minutes: int | None) -> bool:
        """Keep the length, or drop it with None."""
        if minutes is None:
            done: str = await self._connection.execute(
                "DELETE FROM visit_length WHERE clinician_id = $1 AND visit_type = $2 AND NOT learnt",
                clinician_id, visit_type,
            )  # fmt: skip
            return done != "DELETE 0"
        return bool(
            await self._connection.fetchval(
                """
                INSERT INTO visit_length (clinician_id, visit_type, minutes) VALUES ($1, $2, $3)
                ON CONFLICT (clinician_id, visit_type) DO UPDATE SET minutes = excluded.minutes, learnt = false
                WHERE visit_length.learnt OR excluded.minutes <> visit_length.minutes RETURNING true
                """,
                clinician_id,
                visit_type,
                minutes,
            )
        )

    async def leave_of(self, clinician_ids: Collection[str], ends_after: datetime) -> Sequence[Leave]:
        """Return leave that ends after the instant, in order of start."""
        rows = await self._connection.fetch(
            """
            SELECT leave_id, clinician_id, starts_at, ends_at FROM leave
            WHERE clinician_id = ANY($1) AND ends_at > $2 ORDER BY starts_at, leave_id
            """,
            list(clinician_ids),
            ends_after,
        )
        return [
            Leave(UUID(bytes=r["leave_id"].bytes), r["clinician_id"], Period(r["starts_at"], r["ends_at"]))
            for r in rows
        ]

    async def closures_of(self, facility_ids: Collection[str], ends_after: datetime) -> Sequence[Closure]:
        """Return closures that end after the instant, in order of start."""
        rows = await self._connection.fetch(
            """
            SELECT closure_id, facility_id, starts_at, ends_at FROM closure
            WHERE facility_id = ANY($1) AND ends_at > $2 ORDER BY starts_at, closure_id
            """,
            list(facility_ids),
            ends_after,
        )
        return [_closure(row) for row in rows]

    async def add_leave(self, leave: Leave) -> None:
        """Write a new leave."""
        await self._connection.execute(
            "INSERT INTO leave (leave_id, clinician_id, starts_at, ends_at) VALUES ($1, $2, $3, $4)",
            leave.leave_id, leave.clinician_id, leave.period.starts_at, leave.period.ends_at,
        )  # fmt: skip

    async def remove_leave(self, clinician_id: str, leave_id: UUID) -> Leave | None:
        """Remove the leave and return it, None when there is none of that id and clinician."""
        row = await self._connection.fetchrow(
            "DELETE FROM leave WHERE clinician_id = $1 AND leave_id = $2 RETURNING starts_at, ends_at",
            clinician_id,
            leave_id,
        )
        return None if row is None else Leave(leave_id, clinician_id, Period(row["starts_at"], row["ends_at"]))

    async def add_closure(self, closure: Closure) -> None:
        """Write a new closure."""
        await self._connection.execute(
            "INSERT INTO closure (closure_id, facility_id, starts_at, ends_at) VALUES ($1, $2, $3, $4)",
            closure.closure_id, closure.facility_id, closure.period.starts_at, closure.period.ends_at,
        )  # fmt: skip

    async def remove_closure(self, facility_id: str, closure_id: UUID) -> Closure | None:
        """Remove the closure and return it, None when there is none of that id and facility."""
        row = await self._connection.fetchrow(
            "DELETE FROM closure WHERE facility_id = $1 AND closure_id = $2 RETURNING *", facility_id, closure_id
        )
        return None if row is None else _closure(row)

    async def replace_sessions(
        self, clinicians: Collection[Clinician], first: date, last: date, sessions: Sequence[WorkingSession]
    ) -> None:
        """Replace the clinicians' working time of the days, by COPY."""
        specialties = {clinician.clinician_id: clinician.specialty for clinician in clinicians}
        await self._connection.execute(
            "DELETE FROM working_session WHERE clinician_id = ANY($1) AND day BETWEEN $2 AND $3",
            list(specialties), first, last,
        )  # fmt: skip
        rows = [session_row(session, specialties[session.template.clinician_id]) for session in sessions]
        if rows:
            await self._connection.copy_records_to_table("working_session", records=rows, columns=SESSION_COLUMNS)

    async def clinicians_known_until_before(self, day: date, limit: int) -> Sequence[tuple[str, date]]:
        """Return schedules with templates that are not known up to ``day``, with the last day they are known."""
        rows = await self._connection.fetch(
            """
            SELECT clinician_id, coalesce(known_until, $3) AS known_until FROM schedule s
            WHERE (known_until IS NULL OR known_until < $1)
              AND EXISTS (SELECT FROM template t WHERE t.clinician_id = s.clinician_id)
            ORDER BY clinician_id LIMIT $2
            """,
            day,
            limit,
            _NEVER,
        )
        return [(row["clinician_id"], row["known_until"]) for row in rows]

    async def set_known_until(self, clinician_ids: Collection[str], day: date) -> None:
        """Remember up to which day working time is ready."""
        await self._connection.execute(
            "UPDATE schedule SET known_until = $2 WHERE clinician_id = ANY($1)", list(clinician_ids), day
        )

    async def purge(self, before: datetime) -> None:
        """Drop working time and occupied time that ended before the instant."""
        await self._connection.execute("DELETE FROM working_session WHERE ends_at < $1", before)
        await self._connection.execute("DELETE FROM busy WHERE ends_at < $1", before)
        await self._connection.execute("DELETE FROM slot_plan WHERE ends_at < $1", before)


def template_row(template: Template) -> tuple[object, ...]:
    """Return the columns TEMPLATE_COLUMNS of ``template``, the version left out."""
    return (
        template.clinician_id, template.template_id, template.facility_id, template.room_id,
        sorted(template.weekdays), template.starts, template.ends, template.valid_from, template.valid_until,
        template.interval_weeks, template.grid_minutes, sorted(template.visit_types), template.depth,
        template.observes_holidays, template.adaptive,
    )  # fmt: skip


def session_row(session: WorkingSession, specialty: str) -> tuple[object, ...]:
    """Return the columns SESSION_COLUMNS of ``session``."""
    template, period = session.template, session.period
    return (
        template.clinician_id, period.starts_at, template.template_id, period.ends_at, session.anchor_at, session.day,
        template.facility_id, template.room_id, specialty, template.grid_minutes, template.depth,
        sorted(template.visit_types), session.layer,
    )  # fmt: skip


def _stored(row: asyncpg.Record) -> StoredTemplate:
    fields = dict(row)
    version = fields.pop("version")
    fields["weekdays"] = frozenset(Weekday(day) for day in fields["weekdays"])
    fields["visit_types"] = frozenset(fields["visit_types"])
    return StoredTemplate(Template(**fields), version)


def _closure(row: asyncpg.Record) -> Closure:
    return Closure(UUID(bytes=row["closure_id"].bytes), row["facility_id"], Period(row["starts_at"], row["ends_at"]))
