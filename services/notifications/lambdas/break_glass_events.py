"""Function: every emergency access is told to the privacy officer; what cannot be sent comes again."""

from collections.abc import Mapping
from typing import Any

from services.kernel.inbox import take_once
from services.kernel.outbox import Envelope
from services.notifications.consumers import on_break_glass
from services.notifications.lambdas.batch import BatchResponse, take_batch
from services.notifications.lambdas.worker import Worker, current

QUEUE = "notifications-break-glass"


def handler(event: Mapping[str, Any], context: object) -> BatchResponse:
    """Take a batch of emergency accesses from SQS; report those that failed."""
    worker = current()
    return worker.run(take_alerts(worker, event))


async def take_alerts(worker: Worker, event: Mapping[str, Any]) -> BatchResponse:
    """Tell of every access of the batch."""

    async def take(envelope: Envelope) -> None:
        await take_once(worker.database, QUEUE, envelope, on_break_glass, lambda _connection: worker.alerting)

    return await take_batch(event, QUEUE, take)
