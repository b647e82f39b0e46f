"""How a service comes up and goes down: database, relay, consumers and edge, in that order and back.

Kept in one place because a service that starts its relay differently from the others loses events differently.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from pkgutil import resolve_name
from typing import Any

import boto3
import httpx
from botocore.config import Config
from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from services.kernel.access import AccessPolicies
from services.kernel.actor import TokenVerifier
from services.kernel.audit import AuditEntry
from services.kernel.clock import Clock, SystemClock
from services.kernel.concurrency import STANDING_SECONDS, AdaptiveLimit
from services.kernel.database import Database
from services.kernel.doorkeeper import Callers, Doorkeeper
from services.kernel.gauges import DatabaseGauges, Overdue, QueueGauges, keep_reading
from services.kernel.http import Check, Edge, ReadEmergency
from services.kernel.inbox import BatchConsumer, Bind, Handle, HandleMany, QueueConsumer
from services.kernel.outbox import Publisher, Relay, append_audit
from services.kernel.publishers import EventBridgePublisher, SqsPublisher
from services.kernel.serving import serve_at
from services.kernel.telemetry import configure_logging, logger

BLOCKING_CALLS = 32
PURGE_SECONDS = 3600.0
# Two calls a queue: what they cost, and how long a backlog may stay unseen.
QUEUES_READ_SECONDS = 30.0
# Committed with what it is about, an entry is safe; nobody waits for it to reach the trail.
AUDIT_GATHER_SECONDS = 0.25
AWS = Config(
    connect_timeout=2, read_timeout=10, retries={"max_attempts": 2, "mode": "standard"}, max_pool_connections=32
)


class PublicSettings(BaseSettings):
    """What every process that serves is told by its environment (prefix ``CARESLOT_``); tokens or not."""

    model_config = SettingsConfigDict(env_prefix="CARESLOT_", extra="ignore", frozen=True)

    access_policies: Path = Field(description="folder with the Cedar policies and their schema")
    host: str = Field(default="127.0.0.1", description="address to listen on")
    port: int = Field(default=8080, ge=0, le=65535, description="port to listen on")
    log_level: str = Field(default="INFO", pattern="^(DEBUG|INFO|WARNING|ERROR)$")


class ProcessSettings(PublicSettings):
    """What a process that takes tokens is told besides."""

    token_issuer: str = Field(description="issuer of accepted tokens, the Cognito user pool")
    token_audiences: str = Field(description="app client ids whose tokens are accepted, space-separated")
    token_jwks_url: str = Field(description="where the issuer publishes its keys")


class ServiceSettings(ProcessSettings):
    """What a service with data of its own is told besides; AWS's own variables are boto3's."""

    database_url: str = Field(repr=False, description="postgresql:// URL of this service's own database")
    database_pool: int = Field(default=10, ge=1, le=100, description="connections this process may hold")
    bus_name: str = Field(default="careslot", description="EventBridge bus")
    queue_prefix: str = Field(default="", description="put before the queue names of the topology")
    audit_queue: str = Field(default="audit-entries", description="queue of the audit trail; empty: entries wait here")


@dataclass(frozen=True, slots=True)
class Subscribed:
    """A queue this process polls, what takes its events, and how a connection becomes the handler's store.

    ``gather_seconds`` is how long it waits after a batch that was not full, so that the next one is fuller.
    """

    queue: str
    handle: Handle
    bind: Bind
    gather_seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class SubscribedInBatches:
    """A queue this process polls for messages that ``handle`` takes many at a time, in one transaction."""

    queue: str
    handle: HandleMany
    bind: Bind
    gather_seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Runtime:
    """A running service's shared parts."""

    service: str
    database: Database
    relay: Relay
    edge: Edge
    clock: Clock
    http: httpx.AsyncClient


@asynccontextmanager
async def running(
    service: str,
    settings: ServiceSettings,
    *,
    app_role: str,
    callers: Callers,
    subscriptions: Sequence[Subscribed | SubscribedInBatches] = (),
    checks: Mapping[str, Check] | None = None,
    clock: Clock | None = None,
    emergency: ReadEmergency | None = None,
    reset_sessions: bool = True,
    overdue: Sequence[Overdue] = (),
    queues: Mapping[str, str] | None = None,
    standing_seconds: float = STANDING_SECONDS,
) -> AsyncIterator[Runtime]:
    """Start everything a service shares with the others; on leaving stop it, letting work in hand finish.

    ``app_role`` is the role of callers that present an app's own token instead of a person's; ``callers`` are the
    classes that share the service in a rush; ``emergency`` reads emergency accesses, for services that hold patients'
    records; ``reset_sessions`` False where nobody leaves anything in a session of the database. Metrics tell of the
    ``overdue`` work of its clock and of its ``queues``, each with its dead-letter queue, whoever polls them.
    ``standing_seconds`` is how long requests may stand in each other's way before fewer are let in at once.
    """
    configure_logging(service, settings.log_level)
    asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(BLOCKING_CALLS, thread_name_prefix="aws"))
    clock = clock or SystemClock()
    policies = AccessPolicies.from_folder(settings.access_policies)
    database = Database(
        settings.database_url, application=service, max_size=settings.database_pool, reset_sessions=reset_sessions
    )
    await database.open()
    publisher = EventBridgePublisher(boto3.client("events", config=AWS), settings.bus_name)
    publishers: dict[str, Publisher] = {"bus": publisher}
    if settings.audit_queue:
        queue = f"{settings.queue_prefix}{settings.audit_queue}"
        publishers["audit"] = SqsPublisher(boto3.client("sqs", config=AWS), queue)
    relay = Relay(database, publishers, service=service, gather_seconds={"audit": AUDIT_GATHER_SECONDS})
    async with httpx.AsyncClient(timeout=5.0) as http:

        async def fetch_jwks() -> Any:
            response = await http.get(settings.token_jwks_url)
            return response.raise_for_status().json()

        async def refused(entry: AuditEntry) -> None:
            async with database.transaction() as connection:
                await append_audit(connection, [entry])

        edge = Edge(
            service=service,
            policies=policies,
            verifier=TokenVerifier(
                settings.token_issuer, frozenset(settings.token_audiences.split()), fetch_jwks, app_role
            ),
            clock=clock,
            refused=refused,
            checks={"database": database.ping, "bus": _within(publisher.ping), **(checks or {})},
            emergency=emergency,
            door=Doorkeeper(service, callers, AdaptiveLimit(standing_seconds=standing_seconds)),
        )
        consumers = _consumers(service, settings, database, subscriptions)
        tasks = [asyncio.create_task(relay.run()), asyncio.create_task(_purge(relay))]
        tasks += [asyncio.create_task(consumer.run()) for consumer in consumers]
        own = DatabaseGauges(database, service=service, channels=list(publishers), overdue=overdue)
        tasks.append(asyncio.create_task(keep_reading(own)))
        if queues:
            depths = QueueGauges(boto3.client("sqs", config=AWS), queues, service=service, prefix=settings.queue_prefix)
            tasks.append(asyncio.create_task(keep_reading(depths, QUEUES_READ_SECONDS)))
        logger().info("started", port=settings.port)
        try:
            yield Runtime(service, database, relay, edge, clock, http)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            # What committed just now should not wait for the next start.
            with contextlib.suppress(Exception):
                async with asyncio.timeout(1.0):
                    await relay.drain_once()
            await database.close()


def _consumers(
    service: str,
    settings: ServiceSettings,
    database: Database,
    subscriptions: Sequence[Subscribed | SubscribedInBatches],
) -> list[QueueConsumer]:
    if not subscriptions:
        return []
    sqs = boto3.client("sqs", config=AWS)
    consumers: list[QueueConsumer] = []
    for sub in subscriptions:
        queue = f"{settings.queue_prefix}{sub.queue}"
        if isinstance(sub, SubscribedInBatches):
            consumers.append(
                BatchConsumer(
                    sqs,
                    queue,
                    database,
                    sub.handle,
                    sub.bind,
                    service=service,
                    name=sub.queue,
                    gather_seconds=sub.gather_seconds,
                )
            )
        else:
            consumers.append(
                QueueConsumer(
                    sqs,
                    queue,
                    database,
                    sub.handle,
                    sub.bind,
                    service=service,
                    name=sub.queue,
                    gather_seconds=sub.gather_seconds,
                )
            )
    return consumers


def _within(check: Check, seconds: float = 1.5) -> Check:
    async def bounded() -> None:
        async with asyncio.timeout(seconds):
            await check()

    return bounded


async def _purge(relay: Relay) -> None:
    while True:
        await asyncio.sleep(PURGE_SECONDS)
        try:
            await relay.purge()
        except Exception as error:
            logger().warning("purge waits", error_type=type(error).__name__)


def serve(factory: str, settings: PublicSettings) -> None:
    """Serve ``factory`` (``module:function`` returning the app) until told to stop; blocking."""
    configure_logging(factory.split(".")[1], settings.log_level)
    serve_at(resolve_name(factory)(), settings.host, settings.port)
