"""Events arrive twice and half-done work is undone; effects happen once, failures end where they can be seen."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from services.contracts.events.booking import AppointmentBooked
from services.contracts.topology import Subscription
from services.kernel.database import Connection, Database
from services.kernel.ids import new_id
from services.kernel.inbox import Handle, QueueConsumer, take_once
from services.kernel.outbox import Envelope
from services.kernel.telemetry import correlation_id
from services.local.aws import Aws
from tests.fixtures.platform import DeclareTopology

NOW = datetime(2027, 1, 1, tzinfo=UTC)
SUBSCRIPTION = Subscription("inbox-test", "booking", (AppointmentBooked,), "m:f", max_receives=2, visibility_seconds=1)


def envelope() -> Envelope:
    data = AppointmentBooked.model_validate(AppointmentBooked.EXAMPLE).payload()
    return Envelope(new_id(), AppointmentBooked.TYPE, "careslot.booking", NOW, "c" * 32, data)


class Effects:
    """A handler whose effect is a row, and which fails while told to."""

    def __init__(self) -> None:
        self.failing = 0
        self.correlations: list[str] = []

    async def __call__(self, event: Envelope, connection: Connection) -> None:
        self.correlations.append(correlation_id())
        await connection.execute("INSERT INTO effect VALUES ($1)", event.id)
        if self.failing:
            self.failing -= 1
            raise ValueError


@pytest.fixture
async def opened(database: Callable[[str], str]) -> AsyncIterator[Database]:
    made = Database(database("kernel"), application="test")
    await made.open()
    async with made.connection() as connection:
        await connection.execute("CREATE TABLE effect (event_id uuid)")
    yield made
    await made.close()


async def effects(opened: Database) -> int:
    async with opened.connection() as connection:
        found: int = await connection.fetchval("SELECT count(*) FROM effect")
        return found


def same(connection: Connection) -> Connection:
    return connection


async def test_a_repeated_event_has_its_effect_once_per_consumer(opened: Database) -> None:
    handler, event = Effects(), envelope()
    ran = [await take_once(opened, "a", event, handler, same) for _ in range(3)]
    assert ran == [True, False, False]
    assert await take_once(opened, "b", event, handler, same)
    assert await effects(opened) == 2
    assert handler.correlations == ["c" * 32] * 2


async def test_the_same_event_at_the_same_time_has_its_effect_once(opened: Database) -> None:
    handler, event = Effects(), envelope()
    ran = await asyncio.gather(*(take_once(opened, "a", event, handler, same) for _ in range(8)))
    assert sorted(ran) == [False] * 7 + [True]
    assert await effects(opened) == 1


async def test_a_failed_handler_leaves_neither_effect_nor_memory(opened: Database) -> None:
    handler, event = Effects(), envelope()
    handler.failing = 1
    with pytest.raises(ValueError):
        await take_once(opened, "a", event, handler, same)
    assert await effects(opened) == 0
    assert await take_once(opened, "a", event, handler, same)
    assert await effects(opened) == 1


async def test_a_queue_is_taken_and_a_poison_message_ends_in_dead_letters(
    opened: Database, aws: Aws, topology: DeclareTopology
) -> None:
    declared = topology([SUBSCRIPTION])
    queue = declared.queues["inbox-test"]
    handler = Effects()
    consumer = QueueConsumer(
        aws.sqs, f"{declared.prefix}inbox-test", opened, handler, same, service="booking", name="inbox-test"
    )
    events = [envelope() for _ in range(3)]
    aws.events.put_events(
        Entries=[
            {"EventBusName": declared.bus, "Source": e.source, "DetailType": e.type, "Detail": e.detail()}
            for e in events
        ]
    )
    aws.sqs.send_message(QueueUrl=queue.url, MessageBody=json.dumps({"source": "x", "detail": {"id": "poison"}}))

    dead: list[Any] = []
    async with asyncio.timeout(60):
        while not dead:
            await consumer.poll_once(wait_seconds=1)
            dead = aws.sqs.receive_message(QueueUrl=queue.dead_letters_url, WaitTimeSeconds=0).get("Messages", [])
    assert "poison" in dead[0]["Body"]
    assert await effects(opened) == 3


async def test_a_consumer_outlives_a_queue_that_is_not_there_yet(
    opened: Database, aws: Aws, topology: DeclareTopology
) -> None:
    prefix = "later-"
    consumer = QueueConsumer(aws.sqs, f"{prefix}q", opened, Effects(), same, service="booking", name="q")
    task = asyncio.create_task(consumer.run())
    await asyncio.sleep(0.3)
    url = aws.sqs.create_queue(QueueName=f"{prefix}q")["QueueUrl"]
    event = envelope()
    body = {"source": event.source, "detail": json.loads(event.detail())}
    aws.sqs.send_message(QueueUrl=url, MessageBody=json.dumps(body))
    async with asyncio.timeout(30):
        while not await effects(opened):
            await asyncio.sleep(0.05)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    aws.sqs.delete_queue(QueueUrl=url)


async def test_after_a_batch_that_was_not_full_others_are_let_come_together(
    opened: Database, aws: Aws, topology: DeclareTopology
) -> None:
    declared = topology([SUBSCRIPTION])
    queue = declared.queues[SUBSCRIPTION.queue]
    receives: list[int] = []

    class Counted(QueueConsumer):
        async def poll_once(self, wait_seconds: int = 0) -> int:
            receives.append(await super().poll_once(wait_seconds))
            return receives[-1]

    name = f"{declared.prefix}{SUBSCRIPTION.queue}"
    consumer = Counted(
        aws.sqs, name, opened, Effects(), same, service="booking", name="inbox-test", gather_seconds=30.0
    )
    bodies = [{"source": e.source, "detail": json.loads(e.detail())} for e in (envelope() for _ in range(13))]
    for body in bodies:
        aws.sqs.send_message(QueueUrl=queue.url, MessageBody=json.dumps(body))
    task = asyncio.create_task(consumer.run())
    async with asyncio.timeout(20):
        while await effects(opened) < len(bodies):
            await asyncio.sleep(0.02)
    # A full batch is followed at once; the rest is not, and so nothing is received while others gather.
    aws.sqs.send_message(QueueUrl=queue.url, MessageBody=json.dumps(bodies[0]))
    await asyncio.sleep(0.1)
    assert receives == [10, 3]
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


LONG = Subscription("inbox-long", "booking", (AppointmentBooked,), "m:f", visibility_seconds=300)


@pytest.mark.parametrize("moment", ["waiting for messages", "handling one"])
async def test_a_consumer_that_is_stopped_gives_back_what_it_had_received(
    opened: Database, aws: Aws, topology: DeclareTopology, moment: str
) -> None:
    declared = topology([LONG])
    began, never = asyncio.Event(), asyncio.Event()

    async def endless(event: Envelope, connection: Connection) -> None:
        began.set()
        await never.wait()

    def reader(handle: Handle) -> QueueConsumer:
        return QueueConsumer(
            aws.sqs, f"{declared.prefix}inbox-long", opened, handle, same, service="booking", name="inbox-long"
        )

    event, handler = envelope(), Effects()
    body = json.dumps({"source": event.source, "detail": json.loads(event.detail())})
    url = declared.queues["inbox-long"].url
    stopped = asyncio.create_task(reader(endless).run())
    if moment == "handling one":
        await asyncio.to_thread(aws.sqs.send_message, QueueUrl=url, MessageBody=body)
        await began.wait()
        stopped.cancel()
    else:
        await asyncio.sleep(0.3)
        stopped.cancel()
        await asyncio.to_thread(aws.sqs.send_message, QueueUrl=url, MessageBody=body)
    await asyncio.gather(stopped, return_exceptions=True)
    async with asyncio.timeout(60):
        while not await reader(handler).poll_once(wait_seconds=1):
            pass
    assert await effects(opened) == 1
