"""Function: what the directory tells of patients, facilities and proxies is kept here, to be there when it is not."""

from collections.abc import Mapping
from typing import Any

from services.kernel.inbox import take_once
from services.kernel.outbox import Envelope
from services.notifications.adapters.postgres import PostgresStore
from services.notifications.consumers import on_directory
from services.notifications.lambdas.batch import BatchResponse, take_batch
from services.notifications.lambdas.worker import Worker, current

QUEUE = "notifications-directory"


def handler(event: Mapping[str, Any], context: object) -> BatchResponse:
    """Take a batch of the directory's events from SQS; report those that failed."""
    worker = current()
    return worker.run(take_directory(worker, event))


async def take_directory(worker: Worker, event: Mapping[str, Any]) -> BatchResponse:
    """Keep every record of the batch."""

    async def take(envelope: Envelope) -> None:
        await take_once(worker.database, QUEUE, envelope, on_directory, PostgresStore)

    return await take_batch(event, QUEUE, take)
