"""What functions share that plan a message for an event and send it at once."""

from collections.abc import Awaitable, Callable, Collection, Mapping
from typing import Any, TypeVar
from uuid import UUID

from services.kernel.database import Connection
from services.kernel.inbox import take_once
from services.kernel.outbox import Envelope
from services.kernel.telemetry import logger
from services.notifications.lambdas.batch import BatchResponse, take_batch
from services.notifications.lambdas.worker import Worker, nearly_over

RESERVE_MS = 3000
P = TypeVar("P")


async def plan_and_tell(
    worker: Worker,
    event: Mapping[str, Any],
    context: object,
    queue: str,
    handle: Callable[[Envelope, P], Awaitable[None]],
    bind: Callable[[Connection], P],
    *,
    about: str,
) -> BatchResponse:
    """Take a batch once each, then send what is due about the ids that stand in the events' field ``about``."""
    touched: set[UUID] = set()

    async def take(envelope: Envelope) -> None:
        await take_once(worker.database, queue, envelope, handle, bind)
        # Repeated events too: the first time may have ended between plan and sending.
        touched.add(UUID(envelope.data[about]))

    response = await take_batch(event, queue, take)
    await deliver_about(worker, touched, context)
    return response


async def deliver_about(worker: Worker, touched: Collection[UUID], context: object) -> None:
    """Send what is due about ``touched``, as far as the invocation's time allows."""
    if not touched:
        return
    try:
        await worker.delivery.deliver(worker.clock.now(), appointments=touched, enough=nearly_over(context, RESERVE_MS))
    except Exception as error:
        # The plans are committed: what was not sent now is due, and the schedule sends it within a minute.
        logger().warning("delivery waits", error_type=type(error).__name__, exc_info=error)
