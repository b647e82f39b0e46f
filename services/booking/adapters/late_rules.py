"""The rules of late cancellation in PostgreSQL. Empty ids stand for every facility and every visit type."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from services.booking.domain.lateness import LateRule
from services.booking.ports import LateRuleStore, LateRuleWork
from services.kernel.audit import AuditEntry
from services.kernel.database import Connection, Database
from services.kernel.outbox import append_audit

MOST_RULES = 500


class PostgresLateRules:
    """Implements ``ports.LateRuleStore`` on one connection inside a transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def rules_of(self, facility_id: str) -> Sequence[LateRule]:
        """See ``ports.LateRuleStore``."""
        rows = await self._connection.fetch(
            """
            SELECT facility_id, visit_type, hours FROM late_cancel_rule WHERE facility_id IN ('', $1)
            ORDER BY facility_id, visit_type LIMIT $2
            """,
            facility_id,
            MOST_RULES,
        )
        return [LateRule(row["facility_id"], row["visit_type"], row["hours"]) for row in rows]

    async def set_rule(self, rule: LateRule) -> None:
        """See ``ports.LateRuleStore``."""
        await self._connection.execute(
            """
            INSERT INTO late_cancel_rule (facility_id, visit_type, hours) VALUES ($1, $2, $3)
            ON CONFLICT (facility_id, visit_type) DO UPDATE SET hours = excluded.hours
            """,
            rule.facility_id,
            rule.visit_type,
            rule.hours,
        )

    async def drop_rule(self, facility_id: str, visit_type: str) -> bool:
        """See ``ports.LateRuleStore``."""
        dropped = await self._connection.fetchval(
            "DELETE FROM late_cancel_rule WHERE facility_id = $1 AND visit_type = $2 RETURNING true",
            facility_id,
            visit_type,
        )
        return bool(dropped)

    async def audit(self, entry: AuditEntry) -> None:
        """See ``ports.LateRuleStore``."""
        await append_audit(self._connection, [entry])


def late_rule_work(database: Database) -> LateRuleWork:
    """Return the maker of stores over ``database``."""

    @asynccontextmanager
    async def work() -> AsyncIterator[LateRuleStore]:
        async with database.transaction() as connection:
            yield PostgresLateRules(connection)

    return work
