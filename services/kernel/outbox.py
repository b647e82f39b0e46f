"""Transactional outbox: a commit and its events are one thing, and a relay tells the bus afterwards.

Rows of channel ``bus`` go to EventBridge. Rows of channel ``audit`` go to the audit service's own queue; while no
publisher is given for a channel, its rows wait, and none is lost.
"""

import asyncio
import contextlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

from services.kernel.audit import AuditEntry
from services.kernel.database import Connection, Database
from services.kernel.ids import new_id
from services.kernel.telemetry import EVENTS_SENT, correlation_id, logger

BATCH = 100
POLL_SECONDS = 0.03
# After a round, so that under load calls go out full: one costs this process a millisecond, for one event or for ten.
BREATH_SECONDS = 0.01
KEEP_SENT_DAYS = 7
MAX_BACKOFF_SECONDS = 60


@dataclass(frozen=True, slots=True)
class Envelope:
    """An event on the wire: EventBridge's ``detail`` (architecture: PHI only under ``data``)."""

    id: UUID
    type: str
    source: str
    occurred_at: datetime
    correlation_id: str
    data: Mapping[str, Any]

    def detail(self) -> str:
        """Return the JSON text of EventBridge's ``Detail``."""
        return json.dumps(self._detail(), separators=(",", ":"))

    def message(self) -> str:
        """Return the JSON text of a message past the bus: what we read of EventBridge's wrapper, and nothing else.

        One wire form, so that inbox and dead letters need not know which way a message came.
        """
        wrapped = {"source": self.source, "detail-type": self.type, "detail": self._detail()}
        return json.dumps(wrapped, separators=(",", ":"))

    def _detail(self) -> dict[str, Any]:
        return {
            "id": str(self.id),
            "type": self.type,
            "occurred_at": self.occurred_at.isoformat(),
            "correlation_id": self.correlation_id,
            "data": self.data,
        }

    @classmethod
    def from_eventbridge(cls, message: Mapping[str, Any]) -> "Envelope":
        """Read what EventBridge delivers or ``message`` wrote; raise KeyError, TypeError or ValueError for others."""
        detail = message["detail"]
        return cls(
            id=UUID(detail["id"]),
            type=str(detail["type"]),
            source=str(message["source"]),
            occurred_at=datetime.fromisoformat(detail["occurred_at"]),
            correlation_id=str(detail["correlation_id"]),
            data=dict(detail["data"]),
        )


class Publishable(Protocol):
    """An event as services/contracts declares it."""

    @property
    def type(self) -> str:
        """Name and version, such as ``booking.appointment-booked.v1``."""
        ...

    @property
    def source(self) -> str:
        """EventBridge source, such as ``careslot.booking``."""
        ...

    def payload(self) -> Mapping[str, Any]:
        """Return the event's data, JSON-ready."""
        ...


class Publisher(Protocol):
    """Takes a batch; returns the ids it could not hand over. Raises when nothing could be."""

    async def publish(self, batch: Sequence[Envelope]) -> frozenset[UUID]:
        """Hand over ``batch``; return the ids of those refused."""
        ...


def bus_row(event: Publishable, at: datetime) -> dict[str, Any]:
    """Return the outbox's row of ``event`` as JSON-ready data."""
    return {
        "event_id": str(new_id()), "channel": "bus", "type": event.type, "source": event.source,
        "occurred_at": at.isoformat(), "correlation_id": correlation_id(), "data": dict(event.payload()),
    }  # fmt: skip


def audit_row(entry: AuditEntry) -> dict[str, Any]:
    """Return the outbox's row of ``entry`` as JSON-ready data, for the audit service."""
    return {
        "event_id": str(entry.id), "channel": "audit", "type": "audit.entry.v1",
        "source": f"careslot.{entry.service}", "occurred_at": entry.at.isoformat(),
        "correlation_id": entry.correlation_id, "data": entry.payload(),
    }  # fmt: skip


async def append_events(connection: Connection, events: Sequence[Publishable], at: datetime) -> None:
    """Write ``events`` to the outbox in the transaction of ``connection``."""
    await _append(connection, [bus_row(event, at) for event in events])


async def append_audit(connection: Connection, entries: Sequence[AuditEntry]) -> None:
    """Write ``entries`` to the outbox in the transaction of ``connection``, for the audit service."""
    await _append(connection, [audit_row(entry) for entry in entries])


async def _append(connection: Connection, rows: Sequence[Mapping[str, Any]]) -> None:
    if rows:
        await connection.execute(_INSERT, json.dumps(rows))


_INSERT = """
    INSERT INTO outbox (event_id, channel, type, source, occurred_at, correlation_id, data)
    SELECT event_id, channel, type, source, occurred_at, correlation_id, data
    FROM jsonb_populate_recordset(null::outbox, $1::text::jsonb)
"""


# Ordered, which EXISTS would ignore: the first unsent row answers, where a bitmap would gather all of them.
_TURN = """
    SELECT pg_try_advisory_lock(hashtext('outbox'), hashtext($1)) WHERE (
        SELECT true FROM outbox
        WHERE sent_at IS NULL AND channel = $1 AND next_attempt_at <= clock_timestamp() ORDER BY id LIMIT 1
    )
"""
_END_OF_TURN = "SELECT pg_advisory_unlock(hashtext('outbox'), hashtext($1))"
_UNSENT = """
    SELECT event_id, type, source, occurred_at, correlation_id, data FROM outbox
    WHERE sent_at IS NULL AND channel = $1 AND next_attempt_at <= clock_timestamp() ORDER BY id LIMIT $2
"""
_SENT = "UPDATE outbox SET sent_at = clock_timestamp() WHERE event_id = ANY($1)"
_POSTPONED = """
    UPDATE outbox SET attempts = attempts + 1,
        next_attempt_at = clock_timestamp() + least(power(2, attempts), $2) * interval '1 second'
    WHERE event_id = ANY($1)
"""


class Relay:
    """Moves committed rows to their publishers: at once when woken after a rest, else every 10 ms while rows come and
    every 30 ms while none do. After a fault it rests whatever commits: a bus that is out is not asked at every booking.

    ``gather_seconds`` by channel: what nobody waits for is sent that much later, with all that came meanwhile, because
    a call for each commit is taken from those who do wait.
    """

    def __init__(
        self,
        database: Database,
        publishers: Mapping[str, Publisher],
        *,
        service: str,
        gather_seconds: Mapping[str, float] | None = None,
    ) -> None:
        self._gather_seconds = dict(gather_seconds or {})
        self._database = database
        self._publishers = dict(publishers)
        self._service = service
        EVENTS_SENT.labels(service)
        self._wake = {channel: asyncio.Event() for channel in publishers}
        for woken in self._wake.values():
            database.after_commit(woken.set)

    async def run(self) -> None:
        """Relay until cancelled; a fault of database or bus only slows it down, and of one channel only that one."""
        await asyncio.gather(*(self._run(channel) for channel in self._publishers))

    async def _run(self, channel: str) -> None:
        woken, publisher = self._wake[channel], self._publishers[channel]
        backoff, gathering = POLL_SECONDS, self._gather_seconds.get(channel, 0.0)
        while True:
            with contextlib.suppress(TimeoutError):
                # Not wait_for: on Python 3.11 it swallows a cancellation that meets a wake, and the relay never ends.
                async with asyncio.timeout(POLL_SECONDS):
                    await woken.wait()
            await asyncio.sleep(gathering)
            woken.clear()
            try:
                while sent := await self._drain(channel, publisher):
                    if sent < BATCH:
                        await asyncio.sleep(max(BREATH_SECONDS, gathering))
                backoff = POLL_SECONDS
            except Exception as error:
                backoff = min(2.0, backoff * 2)
                logger().warning("relay waits", channel=channel, error_type=type(error).__name__, seconds=backoff)
                await asyncio.sleep(backoff)

    async def drain_once(self) -> int:
        """Send at most one batch a channel; return how many rows were sent. A channel's fault is raised at the end."""
        done = await asyncio.gather(
            *(self._drain(channel, publisher) for channel, publisher in self._publishers.items()),
            return_exceptions=True,
        )
        for outcome in done:
            if isinstance(outcome, BaseException):
                raise outcome
        return sum(count for count in done if isinstance(count, int))

    async def _drain(self, channel: str, publisher: Publisher) -> int:
        """Send a batch under the channel's advisory lock, outside any transaction.

        Row locks would keep a transaction open for as long as the bus takes to answer, and with it every reader that
        waits for older transactions to end (the change feed). The lock goes with its session: a killed relay's rows
        are sent by the next one.
        """
        async with self._database.connection() as connection:
            if not await connection.fetchval(_TURN, channel):
                return 0
            try:
                return await self._send(connection, channel, publisher)
            finally:
                await _give_back(connection, channel)

    async def _send(self, connection: Connection, channel: str, publisher: Publisher) -> int:
        rows = await connection.fetch(_UNSENT, channel, BATCH)
        batch = [
            Envelope(r["event_id"], r["type"], r["source"], r["occurred_at"], r["correlation_id"], r["data"])
            for r in rows
        ]
        failed = await publisher.publish(batch) if batch else frozenset()
        await connection.execute(_SENT, [event.id for event in batch if event.id not in failed])
        if failed:
            await connection.execute(_POSTPONED, list(failed), MAX_BACKOFF_SECONDS)
            logger().warning("events refused by the bus", count=len(failed), channel=channel)
        EVENTS_SENT.labels(self._service).inc(len(batch) - len(failed))
        return len(batch) - len(failed)

    async def purge(self) -> int:
        """Delete rows sent more than KEEP_SENT_DAYS ago; return how many."""
        async with self._database.connection() as connection:
            done: str = await connection.execute(
                "DELETE FROM outbox WHERE sent_at < clock_timestamp() - $1 * interval '1 day'", KEEP_SENT_DAYS
            )
        return int(done.rsplit(maxsplit=1)[-1])


async def _give_back(connection: Connection, channel: str) -> None:
    """End the turn; a session that cannot is ended itself, because the pool would keep the lock with it."""
    try:
        await connection.execute(_END_OF_TURN, channel)
    except BaseException:
        connection.terminate()
        raise
