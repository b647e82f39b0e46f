"""Where the outbox's rows go: EventBridge for events, one queue for the audit trail.

Ten an AWS call, ten calls at once: the call is the bottleneck, not the database.
"""

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING
from uuid import UUID

from services.kernel.outbox import Envelope

if TYPE_CHECKING:
    from types_boto3_events.client import EventBridgeClient
    from types_boto3_sqs.client import SQSClient

PUT_EVENTS_LIMIT = 10
SEND_BATCH_LIMIT = 10


class EventBridgePublisher:
    """PutEvents in tens, ten calls at once: the call is the bottleneck, not the database."""

    def __init__(self, client: "EventBridgeClient", bus: str) -> None:
        self._client = client
        self._bus = bus

    async def publish(self, batch: Sequence[Envelope]) -> frozenset[UUID]:
        """Put ``batch`` on the bus; return the ids EventBridge refused."""
        groups = [batch[start : start + PUT_EVENTS_LIMIT] for start in range(0, len(batch), PUT_EVENTS_LIMIT)]
        refused = await asyncio.gather(*(asyncio.to_thread(self._put, group) for group in groups))
        return frozenset().union(*refused)

    def _put(self, group: Sequence[Envelope]) -> frozenset[UUID]:
        response = self._client.put_events(
            Entries=[
                {
                    "EventBusName": self._bus,
                    "Source": event.source,
                    "DetailType": event.type,
                    "Time": event.occurred_at,
                    "Detail": event.detail(),
                }
                for event in group
            ]
        )
        return frozenset(
            event.id for event, entry in zip(group, response["Entries"], strict=True) if entry.get("ErrorCode")
        )

    async def ping(self) -> None:
        """Raise whatever boto3 raises unless the bus can be described."""
        await asyncio.to_thread(self._client.describe_event_bus, Name=self._bus)


class SqsPublisher:
    """SendMessageBatch in tens, ten calls at once, to one queue that is looked up when first needed."""

    def __init__(self, client: "SQSClient", queue: str) -> None:
        self._client = client
        self._queue = queue
        self._url = ""

    async def publish(self, batch: Sequence[Envelope]) -> frozenset[UUID]:
        """Put ``batch`` into the queue; return the ids SQS refused. Raises whatever boto3 raises without a queue."""
        if not self._url:
            found = await asyncio.to_thread(self._client.get_queue_url, QueueName=self._queue)
            self._url = found["QueueUrl"]
        groups = [batch[start : start + SEND_BATCH_LIMIT] for start in range(0, len(batch), SEND_BATCH_LIMIT)]
        refused = await asyncio.gather(*(asyncio.to_thread(self._send, group) for group in groups))
        return frozenset().union(*refused)

    def _send(self, group: Sequence[Envelope]) -> frozenset[UUID]:
        response = self._client.send_message_batch(
            QueueUrl=self._url,
            Entries=[{"Id": str(n), "MessageBody": event.message()} for n, event in enumerate(group)],
        )
        return frozenset(group[int(failure["Id"])].id for failure in response.get("Failed", []))
