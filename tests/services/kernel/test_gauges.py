"""How long things wait is told by those who keep them; what cannot be asked keeps its value and shows its age."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from prometheus_client import REGISTRY, generate_latest

from services.contracts.events.booking import AppointmentBooked
from services.kernel.database import Database
from services.kernel.errors import Unavailable
from services.kernel.gauges import MOST_COUNTED, DatabaseGauges, Overdue, QueueGauges, keep_reading
from services.kernel.outbox import append_events

BOOKED = AppointmentBooked.model_validate(AppointmentBooked.EXAMPLE)


@pytest.fixture
async def opened(database: Callable[[str], str]) -> AsyncIterator[Database]:
    made = Database(database("kernel"), application="gauged", max_size=3)
    await made.open()
    yield made
    await made.close()


def told(name: str, **labels: str) -> float:
    """What a scrape would read."""
    value = REGISTRY.get_sample_value(f"careslot_{name}", {"service": "gauged", **labels})
    assert value is not None, name
    return value


async def test_the_outbox_tells_its_age_and_length(opened: Database) -> None:
    gauges = DatabaseGauges(opened, service="gauged", channels=["bus", "audit"])
    await gauges.read()
    assert told("outbox_oldest_seconds", channel="bus") == told("outbox_waiting", channel="bus") == 0
    hour_ago = datetime.now(UTC) - timedelta(hours=1)
    async with opened.transaction() as connection:
        await append_events(connection, [BOOKED, BOOKED], hour_ago)
    await gauges.read()
    assert 3600 <= told("outbox_oldest_seconds", channel="bus") < 3700
    assert told("outbox_waiting", channel="bus") == 2
    assert told("outbox_waiting", channel="audit") == 0
    async with opened.transaction() as connection:
        await connection.execute("UPDATE outbox SET sent_at = clock_timestamp()")
    await gauges.read()
    assert told("outbox_oldest_seconds", channel="bus") == told("outbox_waiting", channel="bus") == 0


async def test_a_long_outbox_is_not_counted_to_its_end(opened: Database) -> None:
    async with opened.transaction() as connection:
        await connection.execute(
            """
            INSERT INTO outbox (event_id, channel, type, source, occurred_at, correlation_id, data)
            SELECT gen_random_uuid(), 'audit', 't', 's', clock_timestamp(), '', '{}' FROM generate_series(1, $1)
            """,
            MOST_COUNTED + 5,
        )
    await DatabaseGauges(opened, service="gauged", channels=["audit"]).read()
    assert told("outbox_waiting", channel="audit") == MOST_COUNTED


@pytest.mark.parametrize(("statement", "late"), [("SELECT 90", 90), ("SELECT -90", 0), ("SELECT null::float8", 0)])
async def test_work_that_is_not_due_is_not_late(opened: Database, statement: str, late: float) -> None:
    overdue = [Overdue("chores", statement)]
    await DatabaseGauges(opened, service="gauged", channels=["bus"], overdue=overdue).read()
    assert told("overdue_seconds", work="chores") == late


async def test_without_a_database_the_gauges_grow_old(opened: Database) -> None:
    await DatabaseGauges(opened, service="gauged", channels=["bus"]).read()
    read_at = told("gauges_read_timestamp_seconds", source="database")
    assert abs(time.time() - read_at) < 60
    away = DatabaseGauges(Database("postgresql://nobody@127.0.0.1:1/none", application="away"), service="gauged",
                          channels=["bus"])  # fmt: skip
    with pytest.raises(Unavailable):
        await away.read()
    task = asyncio.create_task(keep_reading(away, 0.01))
    await asyncio.sleep(0.05)
    assert not task.done()
    task.cancel()
    assert told("gauges_read_timestamp_seconds", source="database") == read_at


class Queues:
    """SQS as far as gauges ask it."""

    def __init__(self, **depths: tuple[int, int]) -> None:
        self.depths = depths
        self.asked: list[str] = []

    def get_queue_url(self, QueueName: str) -> Mapping[str, str]:
        self.asked.append(QueueName)
        return {"QueueUrl": QueueName.removeprefix("p-").replace("-", "_")}

    def get_queue_attributes(self, QueueUrl: str, AttributeNames: list[str]) -> Mapping[str, Any]:
        return {"Attributes": dict(zip(AttributeNames, map(str, self.depths[QueueUrl]), strict=True))}


async def test_queues_tell_what_waits_and_what_was_given_up() -> None:
    sqs = Queues(work=(7, 2), work_dlq=(1, 1))
    gauges = QueueGauges(sqs, {"work": "work-dlq"}, service="gauged", prefix="p-")  # type: ignore[arg-type]  # a fake
    await gauges.read()
    await gauges.read()
    assert told("queue_messages", queue="work", state="waiting") == 7
    assert told("queue_messages", queue="work", state="in-hand") == 2
    assert told("dead_letters", queue="work") == 2, "also one that somebody looks at is there"
    assert sqs.asked == ["p-work", "p-work-dlq"]


async def test_the_pool_tells_its_connections(opened: Database) -> None:
    async with opened.connection():
        assert opened.connections() == {"lent": 1, "idle": 0, "limit": 3}
        assert 'careslot_database_connections{service="gauged",state="lent"} 1.0' in generate_latest().decode()
    assert opened.connections() == {"lent": 0, "idle": 1, "limit": 3}
    assert Database("postgresql://nobody@x/y", application="closed").connections() == {
        "lent": 0, "idle": 0, "limit": 10,
    }  # fmt: skip
