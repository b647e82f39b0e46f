"""Function: offers of waitlist become messages that are sent at once, or are withdrawn when the offer has ended."""

from collections.abc import Mapping
from typing import Any

from services.kernel.database import Connection
from services.notifications.adapters.postgres import PostgresStore
from services.notifications.consumers import on_offer
from services.notifications.lambdas.batch import BatchResponse
from services.notifications.lambdas.telling import plan_and_tell
from services.notifications.lambdas.worker import Worker, current
from services.notifications.usecases.planning import Planning

QUEUE = "notifications-offers"


def handler(event: Mapping[str, Any], context: object) -> BatchResponse:
    """Take a batch of waitlist's events from SQS; report those that failed."""
    worker = current()
    return worker.run(take_offers(worker, event, context))


async def take_offers(worker: Worker, event: Mapping[str, Any], context: object = None) -> BatchResponse:
    """Plan for every event, then send what is due about them."""

    def bind(connection: Connection) -> Planning:
        return Planning(PostgresStore(connection), worker.clock)

    return await plan_and_tell(worker, event, context, QUEUE, on_offer, bind, about="offer_id")
