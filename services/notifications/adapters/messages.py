"""Planned messages and their ledger in PostgreSQL. A step of a message and its line in the ledger are one statement."""

from collections.abc import Collection, Sequence
from datetime import datetime
from uuid import UUID

import asyncpg

from services.kernel.aliases import every_id
from services.kernel.database import Connection
from services.kernel.gauges import Overdue
from services.notifications.domain.messages import (
    REMINDERS,
    Channel,
    Kind,
    Language,
    LedgerEntry,
    Message,
    MessageRecord,
    State,
)
from services.notifications.ports import Step

_COLUMNS = (
    "message_id, appointment_id, appointment_version, patient_id, kind, starts_at, timezone, due_at, correlation_id, "
    "tries, discreet"
)
# How late sending is: the oldest message that should have left, through the index by which it is found.
OVERDUE = Overdue(
    "messages", "SELECT extract(epoch FROM clock_timestamp() - min(send_after)) FROM messages WHERE state = 'planned'"
)


class PostgresMessages:
    """Implements ports.Messages in the transaction of ``connection``."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def plan(self, messages: Sequence[Message], at: datetime) -> int:
        """Add ``messages`` at ``at``; those planned before stay as they are. Return how many were added."""
        added = 0
        for m in messages:
            row = await self._connection.fetchrow(
                """
                WITH added AS (
                    INSERT INTO messages (message_id, appointment_id, appointment_version, patient_id, kind, starts_at,
                        timezone, due_at, send_after, correlation_id, discreet)
                    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $8, $9, $11)
                    ON CONFLICT (appointment_id, kind, appointment_version) DO NOTHING
                    RETURNING message_id
                )
                INSERT INTO deliveries (message_id, state, at) SELECT message_id, 'planned', $10 FROM added RETURNING id
                """,
                m.message_id, m.appointment_id, m.appointment_version, m.patient_id, m.kind, m.starts_at, m.timezone,
                m.due_at, m.correlation_id, at, m.discreet,
            )  # fmt: skip
            added += row is not None
        return added

    async def withdraw(self, appointment_id: UUID, before_version: int, at: datetime, reason: str) -> int:
        """Withdraw what is still planned about earlier versions of the appointment; return how many."""
        rows = await self._connection.fetch(
            """
            WITH withdrawn AS (
                UPDATE messages SET state = 'withdrawn', reason = $4
                WHERE appointment_id = $1 AND appointment_version < $2 AND state = 'planned'
                RETURNING message_id
            )
            INSERT INTO deliveries (message_id, state, at, reason)
            SELECT message_id, 'withdrawn', $3, $4 FROM withdrawn RETURNING id
            """,
            appointment_id, before_version, at, reason,
        )  # fmt: skip
        return len(rows)

    async def carry_over(self, appointment_id: UUID, version: int) -> None:
        """Let what is still planned about the appointment be about its ``version``."""
        await self._connection.execute(
            """
            UPDATE messages SET appointment_version = $2
            WHERE appointment_id = $1 AND appointment_version < $2 AND state = 'planned'
            """,
            appointment_id,
            version,
        )

    async def kinds_of(self, appointment_id: UUID) -> frozenset[Kind]:
        """Return which messages about the appointment were ever planned."""
        rows = await self._connection.fetch("SELECT kind FROM messages WHERE appointment_id = $1", appointment_id)
        return frozenset(Kind(row["kind"]) for row in rows)

    async def next_due(self, until: datetime, appointments: Collection[UUID] | None) -> Message | None:
        """Return, locked, a planned message to be sent by ``until`` that nobody else has locked, if there is any."""
        row = await self._connection.fetchrow(
            f"""
            SELECT {_COLUMNS} FROM messages
            WHERE state = 'planned' AND send_after <= $1 AND ($2::uuid[] IS NULL OR appointment_id = ANY($2))
            ORDER BY send_after LIMIT 1 FOR UPDATE SKIP LOCKED
            """,  # noqa: S608 -- our own constant
            until,
            None if appointments is None else list(appointments),
        )
        return _message(row) if row else None

    async def overtaken(self, message: Message) -> bool:
        """Tell whether the appointment has changed since, or a visit to be reminded of cannot take place as it says."""
        return bool(
            await self._connection.fetchval(
                """
                SELECT EXISTS (SELECT FROM appointments WHERE appointment_id = $1 AND version > $2)
                    OR ($3 AND EXISTS (SELECT FROM disrupted_visits WHERE appointment_id = $1 AND version = 1))
                """,
                message.appointment_id,
                message.appointment_version,
                message.kind in REMINDERS,
            )
        )

    async def keep_disrupted(self, visit_id: UUID, appointment_id: UUID, version: int) -> bool:
        """Remember that a visit cannot take place, or (version 2) that this has ended; tell whether it was news."""
        return bool(
            await self._connection.fetchval(
                """
                INSERT INTO disrupted_visits (visit_id, appointment_id, version) VALUES ($1, $2, $3)
                ON CONFLICT (visit_id) DO UPDATE SET version = excluded.version
                WHERE excluded.version > disrupted_visits.version
                RETURNING true
                """,
                visit_id,
                appointment_id,
                version,
            )
        )

    async def may_have_left(self, about: UUID, kind: Kind) -> bool:
        """Tell whether a message of ``kind`` about ``about`` left, or may have."""
        return bool(
            await self._connection.fetchval(
                """
                SELECT EXISTS (
                    SELECT FROM messages
                    WHERE appointment_id = $1 AND kind = $2 AND state IN ('sending', 'sent', 'unknown')
                )
                """,
                about,
                kind,
            )
        )

    async def later_reminder_due(self, message: Message, until: datetime) -> bool:
        """Tell whether a reminder of the same visit that is due later is due by ``until``, or has left."""
        return bool(
            await self._connection.fetchval(
                """
                SELECT EXISTS (
                    SELECT FROM messages
                    WHERE appointment_id = $1 AND appointment_version = $2 AND kind = ANY($3) AND due_at > $4
                        AND due_at <= $5 AND state IN ('planned', 'sending', 'sent', 'unknown')
                )
                """,
                message.appointment_id, message.appointment_version, [*REMINDERS], message.due_at, until,
            )
        )  # fmt: skip

    async def texts_since(self, patient_id: str, since: datetime) -> Sequence[datetime]:
        """Return when texts were sent, or may have been, to the patient after ``since``."""
        rows = await self._connection.fetch(
            f"""
            SELECT attempted_at FROM messages WHERE patient_id = ANY({every_id()}) AND attempted_at > $2
                AND channel = 'sms' AND state IN ('sending', 'sent', 'unknown')
            """,  # noqa: S608 -- our own words
            patient_id,
            since,
        )
        return [row["attempted_at"] for row in rows]

    async def step(self, message_id: UUID, step: Step) -> bool:
        """Take ``step``; return False when the message is in none of the step's origins."""
        row = await self._connection.fetchrow(
            """
            WITH stepped AS (
                UPDATE messages SET
                    state = $3,
                    reason = $5,
                    channel = coalesce($6, channel),
                    language = coalesce($7, language),
                    send_after = coalesce($8, send_after),
                    claimed_at = coalesce($9, claimed_at),
                    attempted_at = CASE WHEN $9::timestamptz IS NULL THEN attempted_at ELSE $4 END,
                    tries = tries + ($3 = 'planned')::integer
                WHERE message_id = $1 AND state = ANY($2)
                RETURNING message_id, channel
            )
            INSERT INTO deliveries (message_id, state, at, reason, channel, provider_id)
            SELECT message_id, $3, $4, $5, coalesce(channel, ''), $10 FROM stepped
            RETURNING id
            """,
            message_id, [*step.origins], step.state, step.at, step.reason, step.channel, step.language,
            step.send_after, step.claimed_at, step.provider_id,
        )  # fmt: skip
        return row is not None

    async def message(self, message_id: UUID) -> Message | None:
        """Return a message, locked until the transaction ends."""
        row = await self._connection.fetchrow(
            f"SELECT {_COLUMNS} FROM messages WHERE message_id = $1 FOR UPDATE",  # noqa: S608 -- our own constant
            message_id,
        )
        return _message(row) if row else None

    async def stuck(self, claimed_before: datetime) -> Sequence[Message]:
        """Return, locked, the messages whose sending began before ``claimed_before`` and never ended."""
        rows = await self._connection.fetch(
            f"SELECT {_COLUMNS} FROM messages WHERE state = 'sending' AND claimed_at < $1 FOR UPDATE SKIP LOCKED",  # noqa: S608 -- our own constant
            claimed_before,
        )
        return [_message(row) for row in rows]

    async def messages_of(self, patient_id: str, before: UUID | None, limit: int) -> Sequence[MessageRecord]:
        """Return the patient's messages, newest first, those with an id below ``before``."""
        rows = await self._connection.fetch(
            f"""
            SELECT {_COLUMNS}, state, channel, language, reason FROM messages
            WHERE patient_id = ANY({every_id()}) AND ($2::uuid IS NULL OR message_id < $2)
            ORDER BY message_id DESC LIMIT $3
            """,  # noqa: S608 -- our own constant
            patient_id,
            before,
            limit,
        )
        lines = await self._connection.fetch(
            "SELECT message_id, state, at, channel, reason FROM deliveries WHERE message_id = ANY($1) ORDER BY id",
            [row["message_id"] for row in rows],
        )
        ledgers: dict[UUID, list[LedgerEntry]] = {}
        for line in lines:
            entry = LedgerEntry(line["state"], line["at"], line["channel"], line["reason"])
            ledgers.setdefault(line["message_id"], []).append(entry)
        return [
            MessageRecord(
                message=_message(row),
                state=State(row["state"]),
                channel=Channel(row["channel"]) if row["channel"] else None,
                language=Language(row["language"]) if row["language"] else None,
                reason=row["reason"],
                ledger=tuple(ledgers.get(row["message_id"], ())),
            )
            for row in rows
        ]


def _message(row: asyncpg.Record) -> Message:
    return Message(
        message_id=row["message_id"],
        appointment_id=row["appointment_id"],
        appointment_version=row["appointment_version"],
        patient_id=row["patient_id"],
        kind=Kind(row["kind"]),
        starts_at=row["starts_at"],
        timezone=row["timezone"],
        due_at=row["due_at"],
        correlation_id=row["correlation_id"],
        tries=row["tries"],
        discreet=row["discreet"],
    )
