"""The whole store in one PostgreSQL transaction: projections, messages, preferences, outbox."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any

from services.kernel.aliases import current_id
from services.kernel.audit import AuditEntry
from services.kernel.database import Database
from services.kernel.outbox import Publishable, append_audit, append_events
from services.notifications.adapters.messages import PostgresMessages
from services.notifications.adapters.projections import PostgresProjections
from services.notifications.domain.messages import Channel, Language
from services.notifications.domain.people import CONSENT_BY_DEFAULT, Preferences, Topic
from services.notifications.ports import Store, UnitOfWork


class PostgresStore(PostgresProjections, PostgresMessages):
    """Implements ports.Store in the transaction of ``connection``."""

    async def preferences(self, patient_id: str) -> Preferences:
        """Return what the patient wants; version 0 when they never said."""
        row = await self._connection.fetchrow(
            f"""
            SELECT patient_id, version, channels, language, timezone, consent, opted_out FROM preferences
            WHERE patient_id = {current_id()}
            """,  # noqa: S608 -- our own words
            patient_id,
        )
        if row is None:
            return Preferences(patient_id)
        return preferences_of(row)

    async def keep_preferences(self, preferences: Preferences, at: datetime) -> bool:
        """Keep them if the version kept is the one before theirs; return whether it was."""
        row = await self._connection.fetchrow(
            """
            INSERT INTO preferences AS kept
                (patient_id, version, channels, language, timezone, consent, opted_out, changed_at)
            VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
            ON CONFLICT (patient_id) DO UPDATE SET
                version = excluded.version, channels = excluded.channels, language = excluded.language,
                timezone = excluded.timezone, consent = excluded.consent, opted_out = excluded.opted_out,
                changed_at = excluded.changed_at
            WHERE kept.version = excluded.version - 1
            RETURNING version
            """,
            preferences.patient_id, preferences.version, [*preferences.channels], preferences.language,
            preferences.timezone, {str(topic): preferences.consent.get(topic, False) for topic in Topic},
            preferences.opted_out, at,
        )  # fmt: skip
        return row is not None

    async def publish(self, events: Sequence[Publishable], at: datetime) -> None:
        """Put ``events`` into the outbox."""
        await append_events(self._connection, events, at)

    async def audit(self, entry: AuditEntry) -> None:
        """Put ``entry`` into the outbox, for the audit trail."""
        await append_audit(self._connection, [entry])


def preferences_of(row: Any) -> Preferences:
    """Read a row of ``preferences``."""
    return Preferences(
        patient_id=row["patient_id"],
        version=row["version"],
        channels=tuple(Channel(channel) for channel in row["channels"]),
        language=Language(row["language"]) if row["language"] else None,
        timezone=row["timezone"],
        consent={topic: bool(row["consent"].get(topic, given)) for topic, given in CONSENT_BY_DEFAULT.items()},
        opted_out=row["opted_out"],
    )


def unit_of_work(database: Database) -> UnitOfWork:
    """Return the maker of transactions on ``database``."""

    @asynccontextmanager
    async def work() -> AsyncIterator[Store]:
        async with database.transaction() as connection:
            yield PostgresStore(connection)

    return work
