"""The audit trail's process: entries from their queue into chains, heads into safe storage, answers to auditors."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pkgutil import resolve_name

import boto3
from fastapi import FastAPI

from services.audit.adapters.postgres import PostgresChains, PostgresMerges, unit_of_work
from services.audit.adapters.postgres_anchors import OVERDUE, begin_anchoring
from services.audit.adapters.postgres_reader import begin_reading
from services.audit.adapters.s3 import S3AnchorStorage
from services.audit.api import chains, exports, reviews
from services.audit.settings import Settings
from services.audit.usecases.anchor import AnchorHeads
from services.audit.usecases.ingest import TakeEntries
from services.audit.usecases.review import Review
from services.audit.usecases.standing import Standing
from services.audit.usecases.verify import VerifyTrail
from services.contracts.callers import CALLERS
from services.contracts.roles import Role
from services.contracts.topology import dead_letters_of, direct_queues_of, subscriptions_of
from services.kernel.clock import Clock, SystemClock
from services.kernel.database import Connection
from services.kernel.errors import Conflict
from services.kernel.http import create_app
from services.kernel.runtime import AWS, Subscribed, SubscribedInBatches, running, serve
from services.kernel.telemetry import OUTCOMES, logger

SERVICE = "audit"
DESCRIPTION = "Every touch of protected data, in hash chains that are anchored in write-once storage; for auditors."


def create() -> FastAPI:
    """Return the application; it reads its settings when it starts."""
    return create_app(
        service=SERVICE,
        title="Careslot audit",
        description=DESCRIPTION,
        version="1.0.0",
        routers=[reviews.router, exports.router, chains.router],
        lifespan=_lifespan,
    )


def subscribed(clock: Clock) -> list[Subscribed | SubscribedInBatches]:
    """Return the queues this process polls, with what takes their messages."""

    def bind(connection: Connection) -> TakeEntries:
        return TakeEntries(PostgresChains(connection), clock)

    return [
        *(
            SubscribedInBatches(queue.queue, resolve_name(queue.handler), bind, queue.gather_seconds)
            for queue in direct_queues_of(SERVICE)
        ),
        *(
            Subscribed(sub.queue, resolve_name(sub.handler), PostgresMerges, sub.gather_seconds)
            for sub in subscriptions_of(SERVICE)
        ),
    ]


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    settings = Settings()
    clock = SystemClock()
    storage = S3AnchorStorage(boto3.client("s3", config=AWS), settings.anchor_bucket)
    async with running(
        SERVICE,
        settings,
        app_role=Role.EXTERNAL_APP,
        callers=CALLERS,
        subscriptions=subscribed(clock),
        checks={"anchors": storage.ping},
        clock=clock,
        overdue=(OVERDUE,),
        queues=dead_letters_of(SERVICE),
    ) as runtime:
        app.state.edge = runtime.edge
        app.state.clock = clock
        begin = unit_of_work(runtime.database)
        app.state.review = Review(begin)
        verification = VerifyTrail(begin_reading(runtime.database, direct_queues_of(SERVICE)[0].queue), storage)
        app.state.standing = Standing(begin, verification)
        anchoring = AnchorHeads(begin_anchoring(runtime.database), storage, clock, settings.retention_years)
        task = asyncio.create_task(_keep_anchoring(anchoring, settings.anchor_seconds))
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


async def _keep_anchoring(anchoring: AnchorHeads, seconds: float) -> None:
    # Told from the start: of a counter that begins with 1 Prometheus sees no increase.
    foreign = OUTCOMES.labels(SERVICE, "anchor-foreign")
    while True:
        try:
            if anchor := await anchoring.run():
                logger().info("anchored", count=len(anchor.heads), version=anchor.number)
        except Conflict:
            foreign.inc()
            logger().error("an anchor that is not ours")
        except Exception as error:
            logger().warning("anchoring waits", error_type=type(error).__name__)
        await asyncio.sleep(seconds)


if __name__ == "__main__":
    serve("services.audit.main:create", Settings())
