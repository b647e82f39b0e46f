"""From a service's outbox over the queue into the chain: once, without loss, whatever is down meanwhile."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from uuid import uuid4

import pytest

from services.audit.adapters.postgres import PostgresMerges, unit_of_work
from services.audit.consumers import on_entries, on_merge
from services.audit.ports import TrailQuery
from services.contracts.events.directory import PatientMerged, PatientRecorded
from services.kernel.audit import AuditEntry
from services.kernel.database import Database
from services.kernel.errors import Invalid, Unavailable
from services.kernel.inbox import BatchConsumer
from services.kernel.outbox import Envelope, Relay, append_audit
from services.local.aws import Aws
from tests.services.audit.chains import NOON, entry
from tests.services.audit.conftest import QUEUE, AuditTrail, Transport, envelope


@pytest.fixture
async def booking(database: Callable[[str], str]) -> AsyncIterator[Database]:
    """Give another service's database, of which only the outbox matters."""
    opened = Database(database("kernel"), application="test")
    await opened.open()
    yield opened
    await opened.close()


async def write(booking: Database, entries: list[AuditEntry]) -> None:
    async with booking.transaction() as connection:
        await append_audit(connection, entries)


async def unsent(booking: Database) -> int:
    async with booking.connection() as connection:
        found: int = await connection.fetchval("SELECT count(*) FROM outbox WHERE sent_at IS NULL")
        return found


async def send(relay: Relay) -> None:
    while await relay.drain_once():
        pass


async def test_entries_travel_from_outbox_to_chain(trail: AuditTrail, transport: Transport, booking: Database) -> None:
    entries = [entry(n) for n in range(250)]
    await write(booking, entries)
    await send(Relay(booking, {"audit": transport.publisher}, service="booking"))
    assert await transport.drain() == 250
    verdict = await trail.verify()
    assert (verdict.entries, verdict.findings) == (250, [])
    async with trail.database.connection() as connection:
        records = await connection.fetch("SELECT record FROM entries")
    assert {json.loads(row["record"])["entry"]["id"] for row in records} == {str(e.id) for e in entries}


async def test_a_message_delivered_again_is_kept_once(trail: AuditTrail, transport: Transport) -> None:
    sent = [envelope(entry(n)) for n in range(30)]
    for _ in range(3):
        assert not await transport.publisher.publish(sent)
    assert await transport.drain() == 90
    assert await trail.count() == 30
    assert (await trail.verify()).findings == []


async def test_an_audit_outage_loses_nothing(trail: AuditTrail, transport: Transport, booking: Database) -> None:
    """First the queue is away, then the service, then its database; entries wait where they are."""
    entries = [entry(n) for n in range(120)]
    absent = type(transport.publisher)(transport.publisher._client, "no-such-queue")
    relay = Relay(booking, {"audit": absent}, service="booking")
    await write(booking, entries[:40])
    with pytest.raises(Exception, match="NonExistentQueue"):
        await relay.drain_once()
    assert await unsent(booking) == 40

    relay = Relay(booking, {"audit": transport.publisher}, service="booking")
    await write(booking, entries[40:])
    await send(relay)
    assert await unsent(booking) == 0
    assert await trail.count() == 0

    away = Database("postgresql://nobody@/nothing?host=/nonexistent", application="test", acquire_seconds=0.2)
    await away.open()
    lost = BatchConsumer(
        transport.consumer._client, transport.name, away, on_entries, trail.bind, service="audit", name=QUEUE
    )
    for _ in range(30):
        with pytest.raises(Unavailable):
            await lost.poll_once(wait_seconds=0)
    await away.close()

    assert await transport.drain() == 120, "looking for a database brought no message nearer to the dead letters"
    verdict = await trail.verify()
    assert (verdict.entries, verdict.findings) == (120, [])


async def test_what_is_no_entry_holds_up_nothing_and_ends_in_dead_letters(
    trail: AuditTrail, transport: Transport, aws: Aws
) -> None:
    good = [envelope(entry(n)) for n in range(12)]
    await transport.publisher.publish(good[:6])
    foreign = {"source": "careslot.directory", "detail": json.loads(good[6].detail())}
    for body in ("poison", json.dumps(foreign)):
        aws.sqs.send_message(QueueUrl=transport.queue.url, MessageBody=body)
    await transport.publisher.publish(good[7:])
    aws.sqs.set_queue_attributes(
        QueueUrl=transport.queue.url,
        Attributes={"RedrivePolicy": json.dumps({"deadLetterTargetArn": _arn(aws, transport), "maxReceiveCount": 1})},
    )
    dead: list[str] = []
    async with asyncio.timeout(60):
        while len(dead) < 2:
            await transport.consumer.poll_once(wait_seconds=1)
            found = aws.sqs.receive_message(QueueUrl=transport.queue.dead_letters_url, MaxNumberOfMessages=10)
            dead += [message["Body"] for message in found.get("Messages", [])]
    assert sorted(dead) == sorted(["poison", json.dumps(foreign)])
    assert await trail.count() == 11
    assert (await trail.verify()).findings == []


def _arn(aws: Aws, transport: Transport) -> str:
    found = aws.sqs.get_queue_attributes(QueueUrl=transport.queue.dead_letters_url, AttributeNames=["QueueArn"])
    return found["Attributes"]["QueueArn"]


async def test_a_review_of_the_survivor_shows_what_was_said_of_both(trail: AuditTrail) -> None:
    await trail.take([entry(n, about=f"pat-{n}") for n in range(3)])
    data = {**PatientMerged.EXAMPLE, "replaced_id": "pat-1", "survivor_id": "pat-2"}
    merge = Envelope(uuid4(), PatientMerged.TYPE, "careslot.directory", NOON, "", data)
    async with trail.database.transaction() as connection:
        await on_merge(merge, PostgresMerges(connection))
        await on_merge(merge, PostgresMerges(connection))
    async with unit_of_work(trail.database)() as found:
        day = (NOON - timedelta(days=1), NOON + timedelta(days=1))
        for asked in ("pat-1", "pat-2"):
            about = {kept.entry.about for kept in await found.entries(TrailQuery(*day, about=asked, facilities=None))}
            assert about == {"pat-1", "pat-2"}
    other = Envelope(uuid4(), "directory.patient-recorded.v1", "careslot.directory", NOON, "", PatientRecorded.EXAMPLE)
    with pytest.raises(Invalid, match="not for this queue"):
        await on_merge(other, None)  # type: ignore[arg-type]  # never reached
