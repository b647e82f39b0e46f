"""The service put together: it starts from its environment, says what it lacks, and its queues have their stores."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from services.availability import main
from services.availability.adapters.postgres import PostgresStore
from services.availability.usecases.materialise import Horizon
from services.availability.usecases.projections import DirectoryProjection
from services.contracts.topology import subscriptions_of
from services.kernel.clock import SystemClock
from services.kernel.database import Database
from tests.fixtures.edge import client_of
from tests.fixtures.platform import NewDatabase
from tests.services.availability.bench import KEY, RULES


async def test_it_starts_without_the_bus_and_tells_the_truth(
    database: NewDatabase, monkeypatch: pytest.MonkeyPatch, root: Path
) -> None:
    environment = {
        "CARESLOT_DATABASE_URL": database("availability"),
        "CARESLOT_TOKEN_ISSUER": "https://issuer.example",
        "CARESLOT_TOKEN_AUDIENCES": "app",
        "CARESLOT_TOKEN_JWKS_URL": "http://127.0.0.1:9/keys",
        "CARESLOT_ACCESS_POLICIES": str(root / "policies" / "access"),
        "CARESLOT_OFFER_SIGNING_KEY": KEY.pem,
        "CARESLOT_OFFER_KEY_ID": "test-1",
        "AWS_ENDPOINT_URL": "http://127.0.0.1:9",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
    }
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    app = main.create()
    async with app.router.lifespan_context(app), client_of(app) as client:
        # Searches are answered in SQL until their index is built, which turns no traffic away.
        async with asyncio.timeout(20):
            while (ready := await client.get("/readyz")).json()["checks"].pop("search-index") != "ok":
                assert ready.status_code == 200
                await asyncio.sleep(0.05)
        assert ready.json() == {
            "status": "degraded", "checks": {"database": "ok", "bus": "unavailable", "search-index": "ok"},
        }  # fmt: skip
        assert (await client.get("/slot-offer-keys")).json()["keys"][0]["kid"] == "test-1"
        assert (await client.get("/slots")).status_code == 401


async def test_each_queue_gets_the_store_its_handler_takes(opened: Database) -> None:
    subscribed = {one.queue: one for one in main._subscribed(Horizon(SystemClock(), 30, RULES))}
    assert set(subscribed) == {one.queue for one in subscriptions_of("availability")}
    async with opened.transaction() as connection:
        assert isinstance(subscribed["availability-directory"].bind(connection), DirectoryProjection)
        assert isinstance(subscribed["availability-appointments"].bind(connection), PostgresStore)
