"""What no request counts: how long rows, messages and holds wait, asked of database and queues by the clock.

Not asked when Prometheus scrapes: a scrape must answer when the database does not, and then these say since when they
are old (``careslot_gauges_read_timestamp_seconds``). Every process of a service tells the same; rules take the largest.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from prometheus_client import Gauge

from services.kernel.database import Database
from services.kernel.telemetry import logger

if TYPE_CHECKING:
    from types_boto3_sqs.client import SQSClient

SECONDS = 15.0
# Counting is only exact where it matters: that there are very many is told as well by the largest count.
MOST_COUNTED = 10_000

READ_AT = Gauge("careslot_gauges_read_timestamp_seconds", "When gauges were last read.", ["service", "source"])
OUTBOX_OLDEST = Gauge(
    "careslot_outbox_oldest_seconds", "How long the oldest unsent row has waited.", ["service", "channel"]
)
OUTBOX_WAITING = Gauge("careslot_outbox_waiting", f"Unsent rows, counted up to {MOST_COUNTED}.", ["service", "channel"])
OVERDUE = Gauge(
    "careslot_overdue_seconds", "How long the oldest of what the clock should have done is late.", ["service", "work"]
)
QUEUE_MESSAGES = Gauge(
    "careslot_queue_messages", "Messages of a queue: waiting, or received and not done.", ["service", "queue", "state"]
)
DEAD_LETTERS = Gauge("careslot_dead_letters", "Messages given up, by the queue they came from.", ["service", "queue"])

# Both through the partial index of unsent rows, in the order in which they are sent.
_OUTBOX = f"""
    SELECT c.channel, (
        SELECT greatest(extract(epoch FROM clock_timestamp() - occurred_at), 0)::float8 FROM outbox
        WHERE sent_at IS NULL AND channel = c.channel ORDER BY id LIMIT 1
    ) AS oldest, (
        SELECT count(*) FROM (
            SELECT FROM outbox WHERE sent_at IS NULL AND channel = c.channel LIMIT {MOST_COUNTED}
        ) AS unsent
    ) AS waiting
    FROM unnest($1::text[]) AS c (channel)
"""  # noqa: S608 -- a number of ours


@dataclass(frozen=True, slots=True)
class Overdue:
    """Work a service does by the clock, and SQL for how many seconds its oldest piece is late (null or 0: none)."""

    work: str
    statement: str


class DatabaseGauges:
    """How far behind the relay and the clock's work are."""

    def __init__(
        self, database: Database, *, service: str, channels: Sequence[str], overdue: Sequence[Overdue] = ()
    ) -> None:
        self._database = database
        self._service = service
        self._channels = list(channels)
        self._overdue = tuple(overdue)

    async def read(self) -> None:
        """Ask once; raise Unavailable while the database does not answer."""
        async with self._database.connection() as connection:
            for row in await connection.fetch(_OUTBOX, self._channels):
                OUTBOX_OLDEST.labels(self._service, row["channel"]).set(row["oldest"] or 0.0)
                OUTBOX_WAITING.labels(self._service, row["channel"]).set(row["waiting"])
            for overdue in self._overdue:
                late = await connection.fetchval(overdue.statement)
                OVERDUE.labels(self._service, overdue.work).set(max(float(late or 0.0), 0.0))
        READ_AT.labels(self._service, "database").set_to_current_time()


class QueueGauges:
    """How full a service's queues and their dead-letter queues are.

    ``queues`` by name, each with the name of its dead-letter queue; ``prefix`` is put before both in SQS.
    """

    def __init__(self, client: "SQSClient", queues: Mapping[str, str], *, service: str, prefix: str = "") -> None:
        self._client = client
        self._queues = dict(queues)
        self._service = service
        self._prefix = prefix
        self._urls: dict[str, str] = {}

    async def read(self) -> None:
        """Ask once, in a thread; raise botocore's errors."""
        for queue, (waiting, in_hand, dead) in (await asyncio.to_thread(self._counts)).items():
            QUEUE_MESSAGES.labels(self._service, queue, "waiting").set(waiting)
            QUEUE_MESSAGES.labels(self._service, queue, "in-hand").set(in_hand)
            DEAD_LETTERS.labels(self._service, queue).set(dead)
        READ_AT.labels(self._service, "queues").set_to_current_time()

    def _counts(self) -> dict[str, tuple[int, int, int]]:
        return {queue: (*self._depth(queue), sum(self._depth(dead))) for queue, dead in self._queues.items()}

    def _depth(self, name: str) -> tuple[int, int]:
        url = self._urls.get(name)
        if url is None:
            url = self._urls[name] = self._client.get_queue_url(QueueName=f"{self._prefix}{name}")["QueueUrl"]
        told = self._client.get_queue_attributes(
            QueueUrl=url, AttributeNames=["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        )["Attributes"]
        return int(told["ApproximateNumberOfMessages"]), int(told["ApproximateNumberOfMessagesNotVisible"])


async def keep_reading(gauges: DatabaseGauges | QueueGauges, seconds: float = SECONDS) -> None:
    """Read now and every ``seconds`` until cancelled; what cannot be read keeps its value and its age."""
    while True:
        try:
            await gauges.read()
        except Exception as error:
            logger().warning("gauges wait", kind=type(gauges).__name__, error_type=type(error).__name__)
        await asyncio.sleep(seconds)
