"""Idempotent inbox: events arrive at least once and in any order, their effects happen once.

The inbox row commits with the effects. A message that keeps failing is left to the queue's redrive policy, which
moves it to the dead-letter queue; nothing is swallowed here.
"""

import asyncio
import contextlib
import json
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Any
from uuid import UUID

from services.kernel.database import Connection, Database
from services.kernel.deadlines import deadline
from services.kernel.errors import Unavailable
from services.kernel.outbox import Envelope
from services.kernel.telemetry import EVENT_AGE, EVENTS_TAKEN, correlated, from_nothing, logger

if TYPE_CHECKING:
    from types_boto3_sqs.client import SQSClient
    from types_boto3_sqs.type_defs import MessageTypeDef

Handle = Callable[[Envelope, Any], Awaitable[None]]
HandleMany = Callable[[Sequence[Envelope], Any], Awaitable[None]]
Bind = Callable[[Connection], Any]
WAIT_SECONDS = 2
BATCH = 10
RECEIVES_AT_ONCE = 10
RETRY_SECONDS = 1
# Less than any queue of the topology hides a message: what takes longer is given up before somebody else begins it.
HANDLE_SECONDS = 25.0


async def first_time(connection: Connection, consumer: str, event_id: UUID) -> bool:
    """Tell whether ``consumer`` sees ``event_id`` for the first time, remembering it in this transaction."""
    row = await connection.fetchrow(
        "INSERT INTO inbox (consumer, event_id) VALUES ($1, $2) ON CONFLICT DO NOTHING RETURNING event_id",
        consumer,
        event_id,
    )
    return row is not None


async def first_times(connection: Connection, consumer: str, event_ids: Sequence[UUID]) -> frozenset[UUID]:
    """Return which of ``event_ids`` ``consumer`` sees for the first time, remembering them in this transaction."""
    rows = await connection.fetch(
        # In one order everywhere: two batches that share ids wait for each other instead of locking each other out.
        """
        INSERT INTO inbox (consumer, event_id) SELECT $1, id FROM unnest($2::uuid[]) AS id ORDER BY id
        ON CONFLICT DO NOTHING RETURNING event_id
        """,
        consumer,
        sorted(set(event_ids)),
    )
    return frozenset(row["event_id"] for row in rows)


async def take_once(database: Database, consumer: str, envelope: Envelope, handle: Handle, bind: Bind) -> bool:
    """Run ``handle(envelope, bind(connection))`` once, in one transaction with its inbox row.

    Returns whether it ran now (False: it had before). What ``handle`` raises rolls everything back and is raised.
    """
    with correlated(envelope.correlation_id):
        async with database.transaction() as connection:
            if not await first_time(connection, consumer, envelope.id):
                return False
            await handle(envelope, bind(connection))
            return True


async def take_many_once(
    database: Database, consumer: str, envelopes: Sequence[Envelope], handle: HandleMany, bind: Bind
) -> int:
    """Run ``handle`` with those of ``envelopes`` it has not had before, all in one transaction with their inbox rows.

    Returns how many those were. What ``handle`` raises rolls everything back and is raised.
    """
    async with database.transaction() as connection:
        fresh = await first_times(connection, consumer, [envelope.id for envelope in envelopes])
        taken = {envelope.id: envelope for envelope in envelopes if envelope.id in fresh}
        if taken:
            await handle(list(taken.values()), bind(connection))
        return len(taken)


class QueueConsumer:
    """Long-polls one SQS queue and takes each message once; runs until cancelled."""

    def __init__(
        self,
        client: "SQSClient", queue: str, database: Database, handle: Handle, bind: Bind, *, service: str, name: str,
        gather_seconds: float = 0.0,
    ) -> None:  # fmt: skip
        self._gather_seconds = gather_seconds
        self._client = client
        self._queue = queue
        self._url = ""
        self._database = database
        self._handle = handle
        self._bind = bind
        self._service = service
        self._name = name
        from_nothing(EVENTS_TAKEN, service, name, outcomes=("taken", "repeated", "failed"))
        EVENT_AGE.labels(service, name)

    async def run(self) -> None:
        """Poll until cancelled; an unreachable queue or database only slows it down.

        After some messages, but not as many as there is room for, others are let come together: a receive, a
        transaction and a delete for each is most of what a flood costs the process, and whoever else it serves.
        """
        backoff = 0.1
        while True:
            try:
                done = await self.poll_once()
                backoff = 0.1
                if self._gather_seconds and 0 < done < BATCH:
                    await asyncio.sleep(self._gather_seconds)
            except Exception as error:
                logger().warning("queue waits", queue=self._name, error_type=type(error).__name__, seconds=backoff)
                await asyncio.sleep(backoff)
                backoff = min(5.0, backoff * 2)

    async def poll_once(self, wait_seconds: int = WAIT_SECONDS) -> int:
        """Receive and handle at most ten messages; return how many were handled for good."""
        messages = await self._receive_for_good(wait_seconds)
        done: list[MessageTypeDef] = []
        try:
            if len(messages) > 1 and await self._take_together(messages):
                done = messages
            else:
                # One after another: two events of one appointment would only wait for each other's locks.
                for message in messages:
                    if await self._take(message):
                        done.append(message)
        except asyncio.CancelledError:
            await self._give_back([message for message in messages if message not in done])
            raise
        finally:
            await asyncio.gather(*(self._delete(part) for part in _batches(done)))
        return len(done)

    async def _receive_for_good(self, wait_seconds: int) -> "list[MessageTypeDef]":
        """Receive; when cancelled meanwhile, give back what the queue still hands out.

        A thread that waits for the queue cannot be stopped: its messages would stay invisible to everybody else.
        """
        receiving = asyncio.ensure_future(self._receive(wait_seconds))
        try:
            return await asyncio.shield(receiving)
        except asyncio.CancelledError:
            with contextlib.suppress(Exception):
                await self._give_back(await receiving)
            raise

    async def _give_back(self, messages: "Sequence[MessageTypeDef]") -> None:
        """Let others have ``messages`` at once; where that fails, their visibility timeout does it later."""

        async def show(part: "Sequence[MessageTypeDef]") -> None:
            await asyncio.to_thread(
                self._client.change_message_visibility_batch,
                QueueUrl=self._url,
                Entries=[
                    {"Id": str(n), "ReceiptHandle": message["ReceiptHandle"], "VisibilityTimeout": 0}
                    for n, message in enumerate(part)
                ],
            )

        await asyncio.gather(*(show(part) for part in _batches(messages)), return_exceptions=True)

    async def _receive(self, wait_seconds: int) -> "list[MessageTypeDef]":
        if not self._url:
            found = await asyncio.to_thread(self._client.get_queue_url, QueueName=self._queue)
            self._url = found["QueueUrl"]
        response = await asyncio.to_thread(
            self._client.receive_message,
            QueueUrl=self._url,
            MaxNumberOfMessages=BATCH,
            WaitTimeSeconds=wait_seconds,
            MessageSystemAttributeNames=["ApproximateReceiveCount"],
        )
        return response.get("Messages", [])

    async def _delete(self, messages: "Sequence[MessageTypeDef]") -> None:
        await asyncio.to_thread(
            self._client.delete_message_batch,
            QueueUrl=self._url,
            Entries=[{"Id": str(n), "ReceiptHandle": m["ReceiptHandle"]} for n, m in enumerate(messages)],
        )

    async def _take_together(self, messages: "list[MessageTypeDef]") -> bool:
        """Take a batch in one transaction: a commit a message is most of what a flood costs. False: none was taken.

        What is wrong with which message is for the retry one by one to find out.
        """
        fresh: list[bool] = []
        try:
            envelopes = [Envelope.from_eventbridge(json.loads(message["Body"])) for message in messages]
            with deadline(HANDLE_SECONDS):
                await self._take_all(envelopes, fresh)
        except Exception:
            return False
        for first in fresh:
            EVENTS_TAKEN.labels(self._service, self._name, "taken" if first else "repeated").inc()
        self._note_age(envelopes)
        return True

    def _note_age(self, envelopes: Sequence[Envelope]) -> None:
        now, age = time.time(), EVENT_AGE.labels(self._service, self._name)
        for envelope in envelopes:
            age.observe(max(now - envelope.occurred_at.timestamp(), 0.0))

    async def _take_all(self, envelopes: Sequence[Envelope], fresh: list[bool]) -> None:
        async with self._database.transaction() as connection:
            bound = self._bind(connection)
            for envelope in envelopes:
                with correlated(envelope.correlation_id):
                    first = await first_time(connection, self._name, envelope.id)
                    if first:
                        await self._handle(envelope, bound)
                    fresh.append(first)

    async def _take(self, message: "MessageTypeDef") -> bool:
        try:
            envelope = Envelope.from_eventbridge(json.loads(message["Body"]))
            with deadline(HANDLE_SECONDS):
                fresh = await take_once(self._database, self._name, envelope, self._handle, self._bind)
        except Exception as error:
            EVENTS_TAKEN.labels(self._service, self._name, "failed").inc()
            attempt = int(message.get("Attributes", {}).get("ApproximateReceiveCount", "1"))
            logger().warning(
                "message failed", queue=self._name, error_type=type(error).__name__, attempt=attempt, exc_info=error
            )
            await asyncio.to_thread(
                self._client.change_message_visibility,
                QueueUrl=self._url,
                ReceiptHandle=message["ReceiptHandle"],
                VisibilityTimeout=min(RETRY_SECONDS * attempt, 60),
            )
            return False
        EVENTS_TAKEN.labels(self._service, self._name, "taken" if fresh else "repeated").inc()
        self._note_age([envelope])
        return True


def _batches(messages: "Sequence[MessageTypeDef]") -> "list[Sequence[MessageTypeDef]]":
    """Return ``messages`` in parts of what one call to SQS takes."""
    return [messages[start : start + BATCH] for start in range(0, len(messages), BATCH)]


class BatchConsumer(QueueConsumer):
    """Takes up to a hundred messages in one transaction, for effects that are rows and nothing else.

    A batch that fails is taken again message by message, so that one that cannot be taken keeps back only itself.
    """

    def __init__(
        self,
        client: "SQSClient",
        queue: str,
        database: Database,
        handle: HandleMany,
        bind: Bind,
        *,
        service: str,
        name: str,
        gather_seconds: float = 0.0,
    ) -> None:
        async def alone(envelope: Envelope, store: Any) -> None:
            await handle([envelope], store)

        super().__init__(
            client, queue, database, alone, bind, service=service, name=name, gather_seconds=gather_seconds
        )
        self._handle_many = handle

    async def _receive(self, wait_seconds: int) -> "list[MessageTypeDef]":
        # Without its database it receives nothing: every receive would bring messages nearer to the dead letters.
        await self._database.ping()
        messages = await super()._receive(wait_seconds)
        if len(messages) < BATCH:
            return messages
        more = await asyncio.gather(*(super(BatchConsumer, self)._receive(0) for _ in range(RECEIVES_AT_ONCE - 1)))
        return [message for received in (messages, *more) for message in received]

    async def _take_together(self, messages: "list[MessageTypeDef]") -> bool:
        try:
            envelopes = [Envelope.from_eventbridge(json.loads(message["Body"])) for message in messages]
            with deadline(HANDLE_SECONDS):
                fresh = await take_many_once(self._database, self._name, envelopes, self._handle_many, self._bind)
        except Unavailable:
            raise
        except Exception:
            return False
        EVENTS_TAKEN.labels(self._service, self._name, "taken").inc(fresh)
        EVENTS_TAKEN.labels(self._service, self._name, "repeated").inc(len(messages) - fresh)
        self._note_age(envelopes)
        return True
