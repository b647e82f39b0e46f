"""Function: disrupted visits of booking become messages that are sent at once."""

from collections.abc import Mapping
from typing import Any

from services.kernel.database import Connection
from services.notifications.adapters.postgres import PostgresStore
from services.notifications.consumers import on_disruption
from services.notifications.lambdas.batch import BatchResponse
from services.notifications.lambdas.telling import plan_and_tell
from services.notifications.lambdas.worker import Worker, current
from services.notifications.usecases.disruptions import Disruptions

QUEUE = "notifications-disruptions"


def handler(event: Mapping[str, Any], context: object) -> BatchResponse:
    """Take a batch of booking's events from SQS; report those that failed."""
    worker = current()
    return worker.run(take_disruptions(worker, event, context))


async def take_disruptions(worker: Worker, event: Mapping[str, Any], context: object = None) -> BatchResponse:
    """Plan for every event, then send what is due about them."""

    def bind(connection: Connection) -> Disruptions:
        return Disruptions(PostgresStore(connection), worker.clock)

    return await plan_and_tell(worker, event, context, QUEUE, on_disruption, bind, about="visit_id")
