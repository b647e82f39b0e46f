"""The audit trail over real PostgreSQL, SQS and S3, and a superuser who may do to it what must be found."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, LiteralString
from urllib.parse import urlsplit

import psycopg
import pytest

from services.audit.adapters.postgres import PostgresChains
from services.audit.adapters.postgres_anchors import begin_anchoring
from services.audit.adapters.postgres_reader import begin_reading
from services.audit.adapters.s3 import S3AnchorStorage
from services.audit.consumers import on_entries
from services.audit.domain.anchors import Anchor
from services.audit.usecases.anchor import AnchorHeads
from services.audit.usecases.ingest import TakeEntries
from services.audit.usecases.verify import Verdict, VerifyTrail
from services.contracts.topology import DIRECT_QUEUES
from services.kernel.audit import AuditEntry
from services.kernel.clock import FixedClock
from services.kernel.database import Connection, Database
from services.kernel.inbox import BatchConsumer, take_many_once
from services.kernel.outbox import Envelope
from services.kernel.publishers import SqsPublisher
from services.local.anchors import declare_locked_buckets
from services.local.aws import Aws, Queue, declare_direct_queues
from services.local.databases import administer
from services.local.postgres import PostgresServer
from tests.services.audit.chains import NOON

QUEUE = DIRECT_QUEUES[0].queue


def envelope(entry: AuditEntry) -> Envelope:
    """Return ``entry`` as the outbox hands it over."""
    return Envelope(
        entry.id, "audit.entry.v1", f"careslot.{entry.service}", entry.at, entry.correlation_id, entry.payload()
    )


@dataclass
class AuditTrail:
    """A trail of one test's own, and its clock."""

    dsn: str
    database: Database
    storage: S3AnchorStorage
    bucket: str
    clock: FixedClock = field(default_factory=lambda: FixedClock(NOON))

    def bind(self, connection: Connection) -> TakeEntries:
        """Return what takes entries in over ``connection``."""
        return TakeEntries(PostgresChains(connection), self.clock)

    async def take(self, entries: Sequence[AuditEntry]) -> int:
        """Take ``entries`` as the consumer does; return how many were new."""
        return await take_many_once(self.database, QUEUE, [envelope(e) for e in entries], on_entries, self.bind)

    async def anchor(self) -> Anchor | None:
        """Anchor what moved."""
        return await AnchorHeads(begin_anchoring(self.database), self.storage, self.clock).run()

    async def verify(self, **narrowed: Any) -> Verdict:
        """Verify all, or one service or day."""
        return await VerifyTrail(begin_reading(self.database, QUEUE), self.storage).run(**narrowed)

    async def count(self, sql: LiteralString = "SELECT count(*) FROM entries") -> Any:
        """Return the one value of a query."""
        async with self.database.connection() as connection:
            return await connection.fetchval(sql)


@pytest.fixture
def bucket(aws: Aws) -> str:
    """Return a locked bucket of this test's own; nobody can empty it, so it stays until the emulator goes."""
    [name] = declare_locked_buckets(aws, prefix=f"t{secrets.token_hex(4)}-").values()
    return name


@pytest.fixture
async def trail(database: Callable[[str], str], aws: Aws, bucket: str) -> AsyncIterator[AuditTrail]:
    """Return an empty trail."""
    dsn = database("audit")
    opened = Database(dsn, application="test", max_size=12)
    await opened.open()
    yield AuditTrail(dsn, opened, S3AnchorStorage(aws.s3, bucket), bucket)
    await opened.close()


Tamper = Callable[..., None]


@pytest.fixture
def tamper(postgres: PostgresServer, trail: AuditTrail) -> Tamper:
    """Return how a superuser writes past the triggers: `tamper(sql, *arguments)`."""

    def write(sql: LiteralString, *arguments: object) -> None:
        with administer(postgres, urlsplit(trail.dsn).path.lstrip("/")) as connection:
            connection.execute("SET session_replication_role = replica")
            try:
                connection.execute(sql, arguments)
            except psycopg.Error as error:
                pytest.fail(str(error))

    return write


@dataclass
class Transport:
    """A queue of one test's own, with both its ends."""

    name: str
    queue: Queue
    publisher: SqsPublisher
    consumer: BatchConsumer

    async def drain(self) -> int:
        """Take everything that waits; return how many messages those were."""
        taken = 0
        async with asyncio.timeout(60):
            while done := await self.consumer.poll_once(wait_seconds=0):
                taken += done
        return taken


@pytest.fixture
def transport(aws: Aws, trail: AuditTrail) -> Iterator[Transport]:
    """Return the queue of entries, empty."""
    prefix = f"t{secrets.token_hex(4)}-"
    queue = declare_direct_queues(aws, prefix=prefix)[QUEUE]
    name = prefix + QUEUE
    consumer = BatchConsumer(aws.sqs, name, trail.database, on_entries, trail.bind, service="audit", name=QUEUE)
    yield Transport(name, queue, SqsPublisher(aws.sqs, name), consumer)
    aws.sqs.delete_queue(QueueUrl=queue.url)
    aws.sqs.delete_queue(QueueUrl=queue.dead_letters_url)
