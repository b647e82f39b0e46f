"""What other services told, in PostgreSQL: of every record the highest version wins, in any order of arrival."""

from datetime import datetime

from services.kernel.aliases import current_id, keep_alias
from services.kernel.database import Connection
from services.notifications.domain.messages import Appointment, Language
from services.notifications.domain.people import FacilityZone, Proxy, Recipient

_RECIPIENT = f"""
    SELECT
        patient_id, version, email, phone, language, timezone, active,
        EXISTS (SELECT FROM unusable_addresses AS u WHERE u.address = lower(email)) AS returned
    FROM recipients WHERE patient_id = {current_id()}
"""  # noqa: S608 -- our own words
_LOCKED_RECIPIENT = f"{_RECIPIENT} FOR NO KEY UPDATE"


class PostgresProjections:
    """Implements ports.Projections in the transaction of ``connection``."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def keep_recipient(self, recipient: Recipient) -> bool:
        """Keep it if it is newer; return whether it was."""
        return await self._keep(
            """
            INSERT INTO recipients AS kept (patient_id, version, email, phone, language, timezone, active)
            VALUES ($1, $2, $3, $4, $5, $6, $7)
            ON CONFLICT (patient_id) DO UPDATE SET
                version = excluded.version, email = excluded.email, phone = excluded.phone,
                language = excluded.language, timezone = excluded.timezone, active = excluded.active
            WHERE excluded.version > kept.version
            RETURNING 1
            """,
            recipient.patient_id, recipient.version, recipient.email, recipient.phone, recipient.language,
            recipient.timezone, recipient.active,
        )  # fmt: skip

    async def keep_facility(self, facility: FacilityZone) -> bool:
        """Keep it if it is newer; return whether it was."""
        return await self._keep(
            """
            INSERT INTO facilities AS kept (facility_id, version, timezone) VALUES ($1, $2, $3)
            ON CONFLICT (facility_id) DO UPDATE SET version = excluded.version, timezone = excluded.timezone
            WHERE excluded.version > kept.version
            RETURNING 1
            """,
            facility.facility_id, facility.version, facility.timezone,
        )  # fmt: skip

    async def keep_proxy(self, proxy: Proxy) -> bool:
        """Keep it if it is newer; return whether it was."""
        return await self._keep(
            """
            INSERT INTO proxies AS kept (proxy_id, version, patient_id, person, expires_at, active)
            VALUES ($1, $2, $3, $4, $5, $6)
            ON CONFLICT (proxy_id) DO UPDATE SET
                version = excluded.version, patient_id = excluded.patient_id, person = excluded.person,
                expires_at = excluded.expires_at, active = excluded.active
            WHERE excluded.version > kept.version
            RETURNING 1
            """,
            proxy.proxy_id, proxy.version, proxy.patient_id, proxy.person, proxy.expires_at, proxy.active,
        )  # fmt: skip

    async def keep_appointment(self, appointment: Appointment) -> bool:
        """Keep it if it is newer; return whether it was."""
        return await self._keep(
            """
            INSERT INTO appointments AS kept
                (appointment_id, version, status, patient_id, facility_id, starts_at, timezone)
            VALUES ($1, $2, $3, $4, $5, $6, $7)
            ON CONFLICT (appointment_id) DO UPDATE SET
                version = excluded.version, status = excluded.status, patient_id = excluded.patient_id,
                facility_id = excluded.facility_id, starts_at = excluded.starts_at, timezone = excluded.timezone
            WHERE excluded.version > kept.version
            RETURNING 1
            """,
            appointment.appointment_id, appointment.version, appointment.status, appointment.patient_id,
            appointment.facility_id, appointment.starts_at, appointment.timezone,
        )  # fmt: skip

    async def keep_merge(self, replaced_id: str, survivor_id: str, version: int) -> None:
        """Keep that one patient stands for another now, unless something newer is known."""
        await keep_alias(self._connection, replaced_id, survivor_id, version)

    async def current_id(self, patient_id: str) -> str:
        """Return the id that stands for the patient now."""
        return str(await self._connection.fetchval(f"SELECT {current_id()}", patient_id))

    async def recipient(self, patient_id: str, *, lock: bool = False) -> Recipient | None:
        """Return the recipient, locked until the transaction ends if ``lock``."""
        row = await self._connection.fetchrow(
            _LOCKED_RECIPIENT if lock else _RECIPIENT,
            patient_id,
        )
        if row is None:
            return None
        return Recipient(
            row["patient_id"], row["version"], "" if row["returned"] else row["email"], row["phone"],
            Language(row["language"]), row["timezone"], active=row["active"], returned=row["returned"],
        )  # fmt: skip

    async def give_up_address(self, address: str, reason: str, at: datetime) -> None:
        """Remember that no mail is to go to ``address`` any more."""
        await self._connection.execute(
            "INSERT INTO unusable_addresses (address, reason, at) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
            address,
            reason,
            at,
        )

    async def facility_timezone(self, facility_id: str) -> str | None:
        """Return the facility's zone, None when it is not known yet."""
        zone: str | None = await self._connection.fetchval(
            "SELECT timezone FROM facilities WHERE facility_id = $1", facility_id
        )
        return zone

    async def proxies_of(self, patient_id: str, now: datetime) -> frozenset[str]:
        """Return the persons who may act for the patient at ``now``."""
        rows = await self._connection.fetch(
            f"SELECT person FROM proxies WHERE patient_id = {current_id()} AND active AND expires_at > $2",  # noqa: S608
            patient_id,
            now,
        )
        return frozenset(row["person"] for row in rows)

    async def _keep(self, statement: str, *values: object) -> bool:
        return await self._connection.fetchval(statement, *values) is not None
