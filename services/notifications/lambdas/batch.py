"""A batch from SQS: every message on its own, and only those that failed are reported and come again.

Our own dozen lines and not aws-lambda-powertools' processor: that one runs a batch's messages at the same time (two
events of one appointment would wait for each other's locks), raises when all of them fail (which costs the warm
process), and weighs more than all else here but pydantic.
"""

import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from services.kernel.errors import Unavailable
from services.kernel.outbox import Envelope
from services.kernel.telemetry import logger

BatchResponse = dict[str, list[dict[str, str]]]


async def take_batch(
    event: Mapping[str, Any],
    queue: str,
    take: Callable[[Envelope], Awaitable[object]],
    read: Callable[[Mapping[str, Any]], Envelope] = Envelope.from_eventbridge,
) -> BatchResponse:
    """Hand each message's event, as ``read`` makes it of the body, to ``take``; return
    Lambda's partial batch response (ReportBatchItemFailures).

    Nothing a single message holds or does can fail its neighbours; what keeps failing ends in the dead-letter queue.
    """
    failures: list[dict[str, str]] = []
    records = list(event["Records"])
    for place, record in enumerate(records):
        try:
            await take(read(json.loads(record["body"])))
        except Unavailable as error:
            # Every further message would wait as long for the database, and the invocation has seconds.
            logger().warning("batch waits", queue=queue, count=len(records) - place, exc_info=error)
            return {"batchItemFailures": failures + [{"itemIdentifier": r["messageId"]} for r in records[place:]]}
        except Exception as error:
            attempt = str(record.get("attributes", {}).get("ApproximateReceiveCount", "1"))
            logger().warning(
                "message failed", queue=queue, error_type=type(error).__name__, attempt=attempt, exc_info=error
            )
            failures.append({"itemIdentifier": record["messageId"]})
    return {"batchItemFailures": failures}
