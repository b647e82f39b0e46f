"""Plans of adaptive sessions with what they were made from, and the places they keep for urgent visits."""

from collections.abc import Collection, Mapping, Sequence
from datetime import date, datetime

from services.availability.domain.sessions import Period
from services.availability.domain.slotting.durations import USUAL_VARIATION, Length
from services.availability.domain.slotting.explain import content_of
from services.availability.domain.slotting.plan import Plan
from services.availability.domain.slotting.surge import Surge
from services.availability.ports import KeptLength, KeptPlan
from services.kernel.database import Connection

_PUT_PLAN = """
    INSERT INTO slot_plan (clinician_id, starts_at, template_id, ends_at, day, grid_minutes, made_at, content)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
"""
_BUSY_COLUMNS = (
    "appointment_id", "version", "clinician_id", "facility_id", "room_id", "starts_at", "ends_at", "lane", "live",
    "expires_at", "reserved_day",
)  # fmt: skip


class PlanRows:
    """Implements ports.Plans on one connection, inside a transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def kept_lengths(self, clinician_ids: Collection[str]) -> Mapping[tuple[str, str], KeptLength]:
        """Return the lengths of these clinicians by clinician and visit type, chosen or learnt."""
        rows = await self._connection.fetch(
            "SELECT * FROM visit_length WHERE clinician_id = ANY($1)", list(clinician_ids)
        )
        return {
            (r["clinician_id"], r["visit_type"]): KeptLength(
                Length(
                    r["minutes"], r["expected"] or r["minutes"], r["variation"] or USUAL_VARIATION, r["visits"],
                    tuple(r["reasons"]) if r["learnt"] else ("people chose this length for the clinician",),
                ),
                chosen=not r["learnt"],
            )
            for r in rows
        }  # fmt: skip

    async def put_learnt_length(self, clinician_id: str, visit_type: str, length: Length) -> None:
        """Keep a learnt length; one that people chose stays."""
        await self._connection.execute(
            """
            INSERT INTO visit_length (clinician_id, visit_type, minutes, learnt, expected, variation, visits, reasons)
            VALUES ($1, $2, $3, true, $4, $5, $6, $7)
            ON CONFLICT (clinician_id, visit_type) DO UPDATE SET minutes = excluded.minutes,
                expected = excluded.expected, variation = excluded.variation, visits = excluded.visits,
                reasons = excluded.reasons
            WHERE visit_length.learnt
            """,
            clinician_id, visit_type, length.minutes, length.expected, length.variation, length.visits,
            list(length.reasons),
        )  # fmt: skip

    async def adaptive_clinicians(self) -> Sequence[str]:
        """Return the clinicians with an adaptive template, in order."""
        rows = await self._connection.fetch("SELECT DISTINCT clinician_id FROM template WHERE adaptive ORDER BY 1")
        return [row["clinician_id"] for row in rows]

    async def surges(self) -> Mapping[tuple[str, str], Surge]:
        """Return the state of surge mode by facility and specialty."""
        rows = await self._connection.fetch("SELECT * FROM surge")
        return {(r["facility_id"], r["specialty"]): Surge(r["demand_index"], r["active"], r["reason"]) for r in rows}

    async def put_surge(self, facility_id: str, specialty: str, surge: Surge) -> None:
        """Keep the state of surge mode of a specialty at a facility."""
        await self._connection.execute(
            """
            INSERT INTO surge (facility_id, specialty, demand_index, active, reason) VALUES ($1, $2, $3, $4, $5)
            ON CONFLICT (facility_id, specialty) DO UPDATE SET demand_index = excluded.demand_index,
                active = excluded.active, reason = excluded.reason
            """,
            facility_id, specialty, surge.index, surge.active, surge.reason,
        )  # fmt: skip

    async def former_grids(
        self, clinician_ids: Collection[str], first: date, last: date
    ) -> Mapping[tuple[str, str, datetime], int]:
        """Return the grids in minutes that sessions have now, by clinician, template and start."""
        rows = await self._connection.fetch(
            """
            SELECT clinician_id, template_id, starts_at, grid_minutes FROM slot_plan
            WHERE clinician_id = ANY($1) AND day BETWEEN $2 AND $3
            """,
            list(clinician_ids), first, last,
        )  # fmt: skip
        return {(r["clinician_id"], r["template_id"], r["starts_at"]): r["grid_minutes"] for r in rows}

    async def replace_plans(
        self, clinician_ids: Collection[str], first: date, last: date, plans: Sequence[Plan], at: datetime
    ) -> None:
        """Replace plans and reserved places of the days, by COPY."""
        ids = list(clinician_ids)
        await self._connection.execute(
            "DELETE FROM slot_plan WHERE clinician_id = ANY($1) AND day BETWEEN $2 AND $3", ids, first, last
        )
        await self._connection.execute(
            "DELETE FROM busy WHERE clinician_id = ANY($1) AND reserved_day BETWEEN $2 AND $3", ids, first, last
        )
        if plans:
            rows = [plan_row(plan, at) for plan in plans]
            # COPY takes no jsonb.
            await self._connection.executemany(_PUT_PLAN, rows)
        if kept := [row for plan in plans for row in reserve_rows(plan)]:
            await self._connection.copy_records_to_table("busy", records=kept, columns=_BUSY_COLUMNS)

    async def kept_plans(self, clinician_id: str, at: datetime) -> Sequence[KeptPlan]:
        """Return the plans of sessions that hold the instant."""
        rows = await self._connection.fetch(
            "SELECT * FROM slot_plan WHERE clinician_id = $1 AND starts_at <= $2 AND ends_at > $2 ORDER BY template_id",
            clinician_id,
            at,
        )
        return [
            KeptPlan(r["template_id"], r["day"], Period(r["starts_at"], r["ends_at"]), r["made_at"], r["content"])
            for r in rows
        ]

    async def working_at(self, clinician_id: str, at: datetime) -> Sequence[tuple[str, str, int]]:
        """Return template, facility and depth of the working time around the instant, the deepest first."""
        rows = await self._connection.fetch(
            """
            SELECT template_id, facility_id, depth FROM working_session
            WHERE clinician_id = $1 AND starts_at <= $2 AND ends_at > $2 ORDER BY depth DESC, template_id
            """,
            clinician_id,
            at,
        )
        return [(row["template_id"], row["facility_id"], row["depth"]) for row in rows]

    async def reserve_of(self, places: Collection[tuple[str, datetime]]) -> Mapping[tuple[str, datetime], datetime]:
        """Return when the reserved ones of ``places`` open to everyone."""
        rows = await self._connection.fetch(
            """
            SELECT b.clinician_id, p.starts_at, max(b.expires_at) AS opens_at
            FROM unnest($1::text[], $2::timestamptz[]) AS p (clinician_id, starts_at)
            JOIN busy b ON b.clinician_id = p.clinician_id AND b.reserved_day IS NOT NULL
                AND b.starts_at <= p.starts_at AND b.ends_at > p.starts_at
            GROUP BY 1, 2
            """,
            [clinician_id for clinician_id, _ in places],
            [starts_at for _, starts_at in places],
        )
        return {(row["clinician_id"], row["starts_at"]): row["opens_at"] for row in rows}

    async def mark_stale(self, clinician_ids: Collection[str]) -> None:
        """Ask for new plans of whole schedules."""
        await self._connection.execute(
            "INSERT INTO slot_plan_stale SELECT unnest($1::text[]), 'infinity' ON CONFLICT DO NOTHING",
            sorted(clinician_ids),
        )

    async def take_stale(self, limit: int) -> Sequence[tuple[str, date | None]]:
        """Take stale days off the list, whole schedules first and then the nearest; several may take at once."""
        rows = await self._connection.fetch(
            """
            WITH taken AS (
                DELETE FROM slot_plan_stale WHERE (clinician_id, day) IN (
                    SELECT clinician_id, day FROM slot_plan_stale
                    ORDER BY day = 'infinity' DESC, day LIMIT $1 FOR UPDATE SKIP LOCKED
                ) RETURNING clinician_id, day
            )
            SELECT clinician_id, CASE WHEN day <> 'infinity' THEN day END AS day FROM taken ORDER BY 1, 2
            """,
            limit,
        )
        return [(row["clinician_id"], row["day"]) for row in rows]


def plan_row(plan: Plan, at: datetime) -> tuple[object, ...]:
    """Return the columns of ``plan``."""
    session = plan.session
    return (
        session.template.clinician_id, session.period.starts_at, session.template.template_id, session.period.ends_at,
        session.day, plan.grid_minutes, at, content_of(plan),
    )  # fmt: skip


def reserve_rows(plan: Plan) -> list[tuple[object, ...]]:
    """Return the rows that keep the reserved places of ``plan`` back."""
    template = plan.session.template
    return [
        (
            f"reserve:{template.clinician_id}:{template.template_id}:{one.starts_at.timestamp():.0f}", 0,
            template.clinician_id, template.facility_id, "", one.starts_at, one.ends_at, 0, True, one.opens_at,
            plan.session.day,
        )
        for one in plan.reserved
    ]  # fmt: skip
