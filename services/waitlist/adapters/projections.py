"""What neighbours told, in PostgreSQL: of every record the highest version wins, in any order of arrival."""

from collections.abc import Sequence
from datetime import datetime

from services.contracts.security_labels import SecurityLabel
from services.kernel.aliases import keep_alias
from services.kernel.database import Connection
from services.waitlist.domain.circle import Circle
from services.waitlist.domain.places import Facility, Place


class PostgresProjections:
    """Implements ``ports.Projections`` in the transaction of ``connection``."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def keep_facility(self, facility: Facility) -> None:
        """See ``ports.Projections``."""
        await self._connection.execute(
            """
            INSERT INTO facility AS kept (facility_id, version, latitude, longitude, active) VALUES ($1, $2, $3, $4, $5)
            ON CONFLICT (facility_id) DO UPDATE SET version = excluded.version, latitude = excluded.latitude,
                longitude = excluded.longitude, active = excluded.active
            WHERE excluded.version > kept.version
            """,
            facility.facility_id, facility.version, facility.place.latitude, facility.place.longitude, facility.active,
        )  # fmt: skip

    async def keep_patient(self, patient_id: str, version: int, timezone: str, *, active: bool) -> None:
        """See ``ports.Projections``."""
        await self._connection.execute(
            """
            INSERT INTO patient AS kept (patient_id, version, timezone, active) VALUES ($1, $2, $3, $4)
            ON CONFLICT (patient_id) DO UPDATE SET version = excluded.version, timezone = excluded.timezone,
                active = excluded.active
            WHERE excluded.version > kept.version
            """,
            patient_id, version, timezone, active,
        )  # fmt: skip

    async def keep_proxy(
        self, proxy_id: str, version: int, patient_id: str, person: str, expires_at: datetime,
        confidential_until: datetime | None, *, active: bool,
    ) -> None:  # fmt: skip
        """See ``ports.Projections``."""
        await self._connection.execute(
            """
            INSERT INTO proxy AS kept
                (proxy_id, version, patient_id, person, expires_at, active, confidential_until)
            VALUES ($1, $2, $3, $4, $5, $6, $7)
            ON CONFLICT (proxy_id) DO UPDATE SET version = excluded.version, patient_id = excluded.patient_id,
                person = excluded.person, expires_at = excluded.expires_at, active = excluded.active,
                confidential_until = excluded.confidential_until
            WHERE excluded.version > kept.version
            """,
            proxy_id, version, patient_id, person, expires_at, active, confidential_until,
        )  # fmt: skip

    async def keep_visit_type(self, visit_type: str, version: int, label: SecurityLabel) -> None:
        """See ``ports.Projections``."""
        await self._connection.execute(
            """
            INSERT INTO visit_type AS kept (code, version, security_label) VALUES ($1, $2, $3)
            ON CONFLICT (code) DO UPDATE SET version = excluded.version, security_label = excluded.security_label
            WHERE excluded.version > kept.version
            """,
            visit_type, version, label,
        )  # fmt: skip

    async def keep_consent(self, patient_id: str, version: int, *, offers: bool) -> None:
        """See ``ports.Projections``."""
        await self._connection.execute(
            """
            INSERT INTO consent AS kept (patient_id, version, offers) VALUES ($1, $2, $3)
            ON CONFLICT (patient_id) DO UPDATE SET version = excluded.version, offers = excluded.offers
            WHERE excluded.version > kept.version
            """,
            patient_id, version, offers,
        )  # fmt: skip

    async def keep_merge(self, replaced_id: str, survivor_id: str, version: int) -> None:
        """See ``ports.Projections``. usecases.merging does the rest."""
        await keep_alias(self._connection, replaced_id, survivor_id, version)

    async def facilities(self) -> Sequence[Facility]:
        """See ``ports.Projections``: some hundreds."""
        rows = await self._connection.fetch("SELECT * FROM facility")
        return [
            Facility(row["facility_id"], row["version"], Place(row["latitude"], row["longitude"]), row["active"])
            for row in rows
        ]

    async def circle_of(self, patient_id: str, now: datetime) -> Circle:
        """See ``ports.Projections``."""
        rows = await self._connection.fetch(
            """
            SELECT person, coalesce(confidential_until > $2, false) AS confidant FROM proxy
            WHERE patient_id = $1 AND active AND expires_at > $2
            """,
            patient_id, now,
        )  # fmt: skip
        people = frozenset(row["person"] for row in rows)
        return Circle(people, frozenset(row["person"] for row in rows if row["confidant"]))

    async def label_of(self, visit_type: str) -> SecurityLabel:
        """See ``ports.Projections``."""
        label = await self._connection.fetchval("SELECT security_label FROM visit_type WHERE code = $1", visit_type)
        return SecurityLabel(label) if label else SecurityLabel.NORMAL

    async def consents(self, patient_id: str) -> bool:
        """See ``ports.Projections``."""
        return bool(await self._connection.fetchval("SELECT offers FROM consent WHERE patient_id = $1", patient_id))
