"""A service comes up whole, tells the truth about what is missing, and leaves nothing running or unsent behind."""

import asyncio
import json
import logging
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import structlog
from pydantic import ValidationError

from services.contracts.callers import CALLERS
from services.contracts.events.booking import AppointmentBooked
from services.contracts.topology import Subscription
from services.kernel.access import AccessRefused, Gate, PolicyFault, Resource
from services.kernel.actor import Actor
from services.kernel.errors import Unauthenticated, Unavailable
from services.kernel.outbox import Envelope, append_events
from services.kernel.runtime import ProcessSettings, ServiceSettings, Subscribed, running
from services.local.aws import Aws, client_environment
from services.local.emulator import Emulator
from tests.fixtures.platform import Declared, DeclareTopology

ACCESS = Path(__file__).parents[3] / "policies" / "access"
NOW = datetime(2027, 1, 1, tzinfo=UTC)
SUBSCRIPTION = Subscription("runtime-test", "booking", (AppointmentBooked,), "m:f")
BOOKED = AppointmentBooked.model_validate(AppointmentBooked.EXAMPLE)


@pytest.fixture(autouse=True)
def _own_logging() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:], root.level = handlers, level
    structlog.reset_defaults()


@pytest.fixture
def declared(emulator: Emulator, topology: DeclareTopology, monkeypatch: pytest.MonkeyPatch) -> Declared:
    """A bus with one queue, and the environment that leads boto3 to it."""
    for name, value in client_environment(emulator.endpoint_url).items():
        monkeypatch.setenv(name, value)
    return topology([SUBSCRIPTION])


def settings(dsn: str, declared: Declared | None = None, access: Path = ACCESS) -> ServiceSettings:
    """What `careslot up` would tell a service."""
    return ServiceSettings(
        database_url=dsn, bus_name=declared.bus if declared else "absent",
        queue_prefix=declared.prefix if declared else "",
        audit_queue="", token_issuer="https://issuer", token_audiences="portal", token_jwks_url="http://127.0.0.1:1/keys",
        access_policies=access, log_level="ERROR",
    )  # fmt: skip


class Taken:
    """A handler that remembers what it took."""

    def __init__(self) -> None:
        self.events: list[Envelope] = []

    async def __call__(self, event: Envelope, _store: object) -> None:
        self.events.append(event)


async def test_what_commits_in_a_running_service_comes_back_through_its_queue(
    database: Callable[[str], str], declared: Declared
) -> None:
    taken = Taken()
    subscribed = [Subscribed("runtime-test", taken, lambda connection: connection)]
    async with running(
        "booking",
        settings(database("kernel"), declared),
        app_role="external-app",
        callers=CALLERS,
        subscriptions=subscribed,
    ) as runtime:
        async with runtime.database.transaction() as connection:
            await append_events(connection, [BOOKED], NOW)
        async with asyncio.timeout(30):
            while not taken.events:
                await asyncio.sleep(0.02)
        for check in runtime.edge.checks.values():
            await check()
    assert [event.data for event in taken.events] == [BOOKED.payload()]


async def test_what_commits_last_is_still_sent_while_stopping(
    database: Callable[[str], str], declared: Declared, aws: Aws
) -> None:
    running_service = running(
        "booking", settings(database("kernel"), declared), app_role="external-app", callers=CALLERS
    )
    async with running_service as runtime, runtime.database.transaction() as connection:
        await append_events(connection, [BOOKED], NOW)
    received: list[Any] = aws.sqs.receive_message(QueueUrl=declared.queues["runtime-test"].url, WaitTimeSeconds=5).get(
        "Messages", []
    )
    assert [json.loads(message["Body"])["detail-type"] for message in received] == [BOOKED.TYPE]


async def test_without_bus_and_identity_provider_it_starts_and_says_what_is_missing(
    database: Callable[[str], str], declared: Declared
) -> None:
    absent = settings(database("kernel"))
    assert declared.bus != absent.bus_name
    async with running("booking", absent, app_role="external-app", callers=CALLERS) as runtime:
        await runtime.edge.checks["database"]()
        with pytest.raises(Exception, match="ResourceNotFound|does not exist"):
            await runtime.edge.checks["bus"]()
        with pytest.raises(Unauthenticated):
            await runtime.edge.verifier.verify("not a token")


async def test_a_refusal_waits_in_the_outbox_when_no_audit_queue_is_named(
    database: Callable[[str], str], declared: Declared
) -> None:
    async with running(
        "booking", settings(database("kernel"), declared), app_role="external-app", callers=CALLERS
    ) as runtime:
        gate = Gate(
            runtime.edge.policies, runtime.clock, service="booking", action="read-day",
            actor=Actor("nobody", frozenset()), correlation_id="c",
        )  # fmt: skip
        with pytest.raises(AccessRefused) as caught:
            gate.require(Resource("Facility", "fac-1", {"facility": "fac-1"}))
        await runtime.edge.refused(caught.value.entry)
        async with runtime.database.connection() as connection:
            rows = await connection.fetch("SELECT channel, sent_at, data FROM outbox")
    assert [(row["channel"], row["sent_at"], row["data"]["outcome"]) for row in rows] == [("audit", None, "refused")]


async def test_wrong_policies_keep_a_service_from_starting(
    database: Callable[[str], str], declared: Declared, tmp_path: Path
) -> None:
    with pytest.raises(PolicyFault):
        async with running(
            "booking", settings(database("kernel"), declared, tmp_path), app_role="external-app", callers=CALLERS
        ):
            pytest.fail("it started")


async def test_stopping_ends_every_task_and_every_connection(
    database: Callable[[str], str], declared: Declared
) -> None:
    before = asyncio.all_tasks()
    async with running(
        "booking", settings(database("kernel"), declared), app_role="external-app", callers=CALLERS
    ) as runtime:
        assert asyncio.all_tasks() - before
    assert not asyncio.all_tasks() - before
    with pytest.raises(Unavailable):
        await runtime.database.ping()


SHARED = {"TOKEN_ISSUER": "i", "TOKEN_AUDIENCES": "a", "TOKEN_JWKS_URL": "j", "ACCESS_POLICIES": "p", "PORT": "8107"}


def test_only_a_service_with_data_needs_its_database(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in SHARED.items():
        monkeypatch.setenv(f"CARESLOT_{name}", value)
    monkeypatch.delenv("CARESLOT_DATABASE_URL", raising=False)
    assert ProcessSettings().port == 8107
    with pytest.raises(ValidationError, match="database_url"):
        ServiceSettings()
    monkeypatch.setenv("CARESLOT_DATABASE_URL", "postgresql:///x")
    assert ServiceSettings().database_url == "postgresql:///x"
