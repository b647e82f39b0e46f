"""Function: offers of waitlist become messages that are sent at once, or are withdrawn when the offer has ended."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from services.kernel.database import Connection
from services.kernel.inbox import take_once
from services.kernel.outbox import Envelope
from services.kernel.telemetry import logger
from services.notifications.adapters.postgres import PostgresStore
from services.notifications.consumers import on_offer
from services.notifications.lambdas.batch import BatchResponse, take_batch
from services.notifications.lambdas.worker import Worker, current, nearly_over
from services.notifications.usecases.planning import Planning

QUEUE = "notifications-offers"
RESERVE_MS = 3000


def handler(event: Mapping[str, Any], context: object) -> BatchResponse:
    """Take a batch of waitlist's events from SQS; report those that failed."""
    worker = current()
    return worker.run(take_offers(worker, event, context))


async def take_offers(worker: Worker, event: Mapping[str, Any], context: object = None) -> BatchResponse:
    """Plan for every event, then send what is due about them."""
    touched: set[UUID] = set()

    def bind(connection: Connection) -> Planning:
        return Planning(PostgresStore(connection), worker.clock)

    async def take(envelope: Envelope) -> None:
        await take_once(worker.database, QUEUE, envelope, on_offer, bind)
        # Repeated events too: the first time may have ended between plan and sending.
        touched.add(UUID(envelope.data["offer_id"]))

    response = await take_batch(event, QUEUE, take)
    if touched:
        try:
            await worker.delivery.deliver(
                worker.clock.now(), appointments=touched, enough=nearly_over(context, RESERVE_MS)
            )
        except Exception as error:
            # The plans are committed: what was not sent now is due, and the schedule sends it within a minute.
            logger().warning("delivery waits", error_type=type(error).__name__, exc_info=error)
    return response
