"""Function: every minute, send what is due, and say so of what a crash left half sent."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from services.kernel.telemetry import logger
from services.notifications.lambdas.worker import Worker, current, nearly_over

RESERVE_MS = 8000


def handler(event: Mapping[str, Any], context: object) -> dict[str, int]:
    """Send what is due by the event's ``time`` (RFC 3339), or by now; return how many messages went which way.

    EventBridge Scheduler fills ``time`` in. An operator states one to run a catch-up as of that instant:
    ``aws lambda invoke --function-name notifications-send-due --payload '{"time": "2027-01-03T14:00:00Z"}' ...``
    """
    worker = current()
    return worker.run(send_due(worker, event, context))


async def send_due(worker: Worker, event: Mapping[str, Any], context: object = None) -> dict[str, int]:
    """Do what the function is for, on ``worker``."""
    until = _stated(event.get("time")) or worker.clock.now()
    stuck = await worker.delivery.give_up_stuck()
    tally = await worker.delivery.deliver(until, enough=nearly_over(context, RESERVE_MS))
    if stuck:
        tally["unknown"] += stuck
    if tally:
        logger().info("due messages handled", count=tally.total())
    return dict(tally)


def _stated(time: object) -> datetime | None:
    if not time:
        return None
    try:
        stated = datetime.fromisoformat(str(time))
    except ValueError:
        raise ValueError("'time' must be an RFC 3339 instant, such as 2027-01-03T14:00:00Z") from None
    return stated if stated.tzinfo else stated.replace(tzinfo=UTC)
