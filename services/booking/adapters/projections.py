"""What neighbours told, kept in PostgreSQL in the transaction of the inbox row."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from services.booking.adapters.disrupted import note_delivery, open_disruption, withdraw_disruption
from services.booking.domain.disruption import Disruption
from services.booking.ports import Telling
from services.contracts.security_labels import STRICTNESS, SecurityLabel
from services.kernel.aliases import keep_alias
from services.kernel.database import Connection, Database


class PostgresProjections:
    """Implements ``ports.Projections``."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def record_block(
        self, block_id: str, kind: str, subject_id: str, starts_at: datetime, ends_at: datetime, at: datetime
    ) -> None:
        """See ``ports.Projections``."""
        stands = await self._connection.fetchval(
            """
            INSERT INTO blocked_period (block_id, kind, subject_id, period, withdrawn)
            VALUES ($1, $2, $3, tstzrange($4, $5), false)
            ON CONFLICT (block_id) DO UPDATE SET subject_id = excluded.subject_id, period = excluded.period
            WHERE NOT blocked_period.withdrawn
            RETURNING true
            """,
            block_id,
            kind,
            subject_id,
            starts_at,
            ends_at,
        )
        if stands:
            await open_disruption(
                self._connection, Disruption(block_id, kind, subject_id, starts_at, ends_at, at, None)
            )

    async def withdraw_block(self, block_id: str, kind: str, subject_id: str, at: datetime) -> None:
        """See ``ports.Projections``."""
        await self._connection.execute(
            """
            INSERT INTO blocked_period (block_id, kind, subject_id, withdrawn) VALUES ($1, $2, $3, true)
            ON CONFLICT (block_id) DO UPDATE SET withdrawn = true
            """,
            block_id,
            kind,
            subject_id,
        )
        await withdraw_disruption(self._connection, block_id, at)

    async def note_delivery(self, about: str, telling: Telling) -> None:
        """See ``ports.Projections``."""
        await note_delivery(self._connection, UUID(about), telling)

    async def record_patient(self, patient_id: str, version: int, facilities: Sequence[str], *, active: bool) -> None:
        """See ``ports.Projections``."""
        await self._connection.execute(
            """
            INSERT INTO patient (patient_id, version, facility_ids, active) VALUES ($1, $2, $3, $4)
            ON CONFLICT (patient_id) DO UPDATE SET
                version = excluded.version, facility_ids = excluded.facility_ids, active = excluded.active
            WHERE excluded.version > patient.version
            """,
            patient_id,
            version,
            list(facilities),
            active,
        )

    async def record_proxy(
        self, proxy_id: str, version: int, patient_id: str, person: str, expires_at: datetime,
        confidential_until: datetime | None, *, active: bool,
    ) -> None:  # fmt: skip
        """See ``ports.Projections``."""
        await self._connection.execute(
            """
            INSERT INTO proxy (proxy_id, version, patient_id, person, expires_at, active, confidential_until)
            VALUES ($1, $2, $3, $4, $5, $6, $7)
            ON CONFLICT (proxy_id) DO UPDATE SET
                version = excluded.version, patient_id = excluded.patient_id, person = excluded.person,
                expires_at = excluded.expires_at, active = excluded.active,
                confidential_until = excluded.confidential_until
            WHERE excluded.version > proxy.version
            """,
            proxy_id,
            version,
            patient_id,
            person,
            expires_at,
            active,
            confidential_until,
        )

    async def record_visit_type(self, visit_type: str, version: int, label: SecurityLabel) -> None:
        """See ``ports.Projections``."""
        if await self.keep_visit_type(visit_type, version, label):
            await self.tighten_labels(visit_type)

    async def keep_visit_type(self, visit_type: str, version: int, label: SecurityLabel) -> bool:
        """Keep the label alone, unless a newer version is known; return whether it was news."""
        newer = await self._connection.fetchval(
            """
            INSERT INTO visit_type (code, version, security_label) VALUES ($1, $2, $3)
            ON CONFLICT (code) DO UPDATE SET version = excluded.version, security_label = excluded.security_label
            WHERE excluded.version > visit_type.version
            RETURNING true
            """,
            visit_type,
            version,
            label,
        )
        return bool(newer)

    async def tighten_labels(self, visit_type: str) -> None:
        """Make its visits' labels as strict as its own; none becomes milder."""
        label = await self._connection.fetchval("SELECT security_label FROM visit_type WHERE code = $1", visit_type)
        milder = list(STRICTNESS[: STRICTNESS.index(SecurityLabel(label))]) if label else []
        if milder:
            await self._connection.execute(
                "UPDATE appointment SET security_label = $2 WHERE visit_type = $1 AND security_label = ANY($3)",
                visit_type,
                label,
                milder,
            )

    async def record_ended_break_glass(self, grant_id: str, expires_at: datetime) -> None:
        """See ``ports.Projections``. Those whose tokens have all run out by themselves are forgotten."""
        await self._connection.execute("DELETE FROM ended_break_glass WHERE until < now()")
        await self._connection.execute(
            "INSERT INTO ended_break_glass (grant_id, until) VALUES ($1, $2) ON CONFLICT DO NOTHING",
            grant_id,
            expires_at,
        )

    async def record_merge(self, replaced_id: str, survivor_id: str, version: int) -> None:
        """See ``ports.Projections``. The sweep of adapters.merging does the rest."""
        await keep_alias(self._connection, replaced_id, survivor_id, version)

    async def record_demand(self, facility_id: str, specialty: str, version: int, *, waiting: bool) -> None:
        """See ``ports.Projections``."""
        await self._connection.execute(
            """
            INSERT INTO waiting_demand (facility_id, specialty, waiting, version) VALUES ($1, $2, $3, $4)
            ON CONFLICT (facility_id, specialty) DO UPDATE SET waiting = excluded.waiting, version = excluded.version
            WHERE excluded.version > waiting_demand.version
            """,
            facility_id,
            specialty,
            waiting,
            version,
        )


async def ended_break_glass(database: Database) -> Sequence[str]:
    """Return the ids of emergency accesses that were ended before their time."""
    async with database.connection() as connection:
        return [row["grant_id"] for row in await connection.fetch("SELECT grant_id FROM ended_break_glass")]
