"""Idempotent inbox: events arrive at least once and in any order, their effects happen once.

The inbox row commits with the effects. A message that keeps failing is left to the queue's redrive policy, which
moves it to the dead-letter queue; nothing is swallowed here.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any
from uuid import UUID

from services.kernel.database import Connection, Database
from services.kernel.outbox import Envelope
from services.kernel.telemetry import EVENTS_TAKEN, correlated, logger

if TYPE_CHECKING:
    from types_boto3_sqs.client import SQSClient
    from types_boto3_sqs.type_defs import MessageTypeDef

Handle = Callable[[Envelope, Any], Awaitable[None]]
Bind = Callable[[Connection], Any]
WAIT_SECONDS = 2
BATCH = 10
RETRY_SECONDS = 2


async def first_time(connection: Connection, consumer: str, event_id: UUID) -> bool:
    """Tell whether ``consumer`` sees ``event_id`` for the first time, remembering it in this transaction."""
    row = await connection.fetchrow(
        "INSERT INTO inbox (consumer, event_id) VALUES ($1, $2) ON CONFLICT DO NOTHING RETURNING event_id",
        consumer,
        event_id,
    )
    return row is not None


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


class QueueConsumer:
    """Long-polls one SQS queue and takes each message once; runs until cancelled."""

    def __init__(
        self,
        client: "SQSClient",
        queue: str,
        database: Database,
        handle: Handle,
        bind: Bind,
        *,
        service: str,
        name: str,
    ) -> None:
        self._client = client
        self._queue = queue
        self._url = ""
        self._database = database
        self._handle = handle
        self._bind = bind
        self._service = service
        self._name = name

    async def run(self) -> None:
        """Poll until cancelled; an unreachable queue or database only slows it down."""
        backoff = 0.1
        while True:
            try:
                await self.poll_once()
                backoff = 0.1
            except Exception as error:
                logger().warning("queue waits", queue=self._name, error_type=type(error).__name__, seconds=backoff)
                await asyncio.sleep(backoff)
                backoff = min(5.0, backoff * 2)

    async def poll_once(self, wait_seconds: int = WAIT_SECONDS) -> int:
        """Receive and handle at most ten messages; return how many were handled for good."""
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
        messages = response.get("Messages", [])
        if len(messages) > 1 and await self._take_together(messages):
            done = messages
        else:
            # One after another: two events of one appointment would only wait for each other's locks.
            done = [message for message in messages if await self._take(message)]
        if done:
            await asyncio.to_thread(
                self._client.delete_message_batch,
                QueueUrl=self._url,
                Entries=[{"Id": str(n), "ReceiptHandle": m["ReceiptHandle"]} for n, m in enumerate(done)],
            )
        return len(done)

    async def _take_together(self, messages: "list[MessageTypeDef]") -> bool:
        """Take a batch in one transaction: a commit a message is most of what a flood costs. False: none was taken.

        What is wrong with which message is for the retry one by one to find out.
        """
        fresh = []
        try:
            envelopes = [Envelope.from_eventbridge(json.loads(message["Body"])) for message in messages]
            async with self._database.transaction() as connection:
                bound = self._bind(connection)
                for envelope in envelopes:
                    with correlated(envelope.correlation_id):
                        first = await first_time(connection, self._name, envelope.id)
                        if first:
                            await self._handle(envelope, bound)
                        fresh.append(first)
        except Exception:
            return False
        for first in fresh:
            EVENTS_TAKEN.labels(self._service, self._name, "taken" if first else "repeated").inc()
        return True

    async def _take(self, message: "MessageTypeDef") -> bool:
        try:
            envelope = Envelope.from_eventbridge(json.loads(message["Body"]))
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
        return True
