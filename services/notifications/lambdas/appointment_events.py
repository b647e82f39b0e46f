"""Function: what happens to appointments becomes planned messages, and what is due at once is sent at once."""

from collections.abc import Mapping
from typing import Any

from services.kernel.database import Connection
from services.notifications.adapters.postgres import PostgresStore
from services.notifications.consumers import on_appointment
from services.notifications.lambdas.batch import BatchResponse
from services.notifications.lambdas.telling import plan_and_tell
from services.notifications.lambdas.worker import Worker, current
from services.notifications.usecases.planning import Planning

QUEUE = "notifications-appointments"


def handler(event: Mapping[str, Any], context: object) -> BatchResponse:
    """Take a batch of booking's events from SQS; report those that failed."""
    worker = current()
    return worker.run(take_appointments(worker, event, context))


async def take_appointments(worker: Worker, event: Mapping[str, Any], context: object = None) -> BatchResponse:
    """Plan for every event, then send what is due about their appointments."""

    def bind(connection: Connection) -> Planning:
        return Planning(PostgresStore(connection), worker.clock)

    return await plan_and_tell(worker, event, context, QUEUE, on_appointment, bind, about="appointment_id")
