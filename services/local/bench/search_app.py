"""Availability's application in a process of its own, for the bench: its routes, edge, index and event handlers.

What differs from production: any token is a signed-in app's, and booking's events come from here instead of a queue,
a given number a second, taken as the queue's consumer takes them (transaction, inbox, handler).
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from fastapi import FastAPI

from services.availability.adapters import noshow_model
from services.availability.adapters.memory.following import IndexKeeper
from services.availability.adapters.postgres import store_of
from services.availability.adapters.zip_centroids import PackagedZipCentroids
from services.availability.consumers import on_bookings
from services.availability.domain.slotting.plan import SlottingRules
from services.availability.main import assemble, create
from services.availability.usecases.materialise import Horizon
from services.contracts.topology import subscriptions_of
from services.kernel.access import AccessPolicies
from services.kernel.actor import Actor
from services.kernel.audit import AuditEntry
from services.kernel.clock import SystemClock
from services.kernel.database import Database
from services.kernel.http import Edge
from services.kernel.inbox import BATCH, RECEIVES_AT_ONCE, take_many_once
from services.kernel.outbox import append_audit
from services.kernel.serving import serve_at
from services.kernel.telemetry import configure_logging
from services.local.bench.search_data import Size
from services.local.bench.search_load import Bookings

POLICIES = Path(__file__).resolve().parents[3] / "policies" / "access"
HANDLER = f"{on_bookings.__module__}:{on_bookings.__name__}"
CALLER = Actor("bench", frozenset({"external-app"}), scopes=frozenset({"careslot/slots.read"}))


class _Anyone:
    """Takes every token for the same app's."""

    async def verify(self, token: str) -> Actor:
        """Return the app, whatever the token."""
        return CALLER


async def _book(database: Database, size: Size, rate: float) -> None:
    """Take ``rate`` events a second as they come out of the queue: what came meanwhile together, never too many."""
    bookings, loop = Bookings(size, seed=5), asyncio.get_running_loop()
    [gather] = [one.gather_seconds for one in subscriptions_of("availability") if one.handler.endswith(HANDLER)]
    due = loop.time()
    while True:
        await asyncio.sleep(max(gather, due + 1 / rate - loop.time()))
        came = min(BATCH * RECEIVES_AT_ONCE, int((loop.time() - due) * rate))
        due = max(due + came / rate, loop.time() - 1.0)
        await take_many_once(database, "bench", [bookings.next() for _ in range(came)], on_bookings, store_of)


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    size, rate = Size(int(os.environ["BENCH_CLINICIANS"])), float(os.environ["BENCH_RATE"])
    configure_logging("availability", "WARNING")
    clock, zips = SystemClock(), PackagedZipCentroids()
    await asyncio.to_thread(zips.find, "00000")
    database = Database(os.environ["BENCH_DATABASE"], application="bench", statement_seconds=60)
    await database.open()

    async def refused(entry: AuditEntry) -> None:
        async with database.transaction() as connection:
            await append_audit(connection, [entry])

    keeper = IndexKeeper(database, clock, 2**28)
    app.state.edge = Edge(
        service="availability", policies=AccessPolicies.from_folder(POLICIES), verifier=_Anyone(), clock=clock,
        refused=refused, checks={"search-index": keeper.check}, required=frozenset({"search-index"}),
    )  # fmt: skip
    pem = Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    horizon = Horizon(clock, 90, SlottingRules(noshow_model.load()))
    app.state.availability = assemble(database, clock, pem, "bench", horizon, zips, keeper)
    tasks = [asyncio.create_task(keeper.run())]
    if rate:
        tasks.append(asyncio.create_task(_book(database, size, rate)))
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await database.close()


def app() -> FastAPI:
    """Return availability's application with the bench's lifespan."""
    made = create()
    made.router.lifespan_context = _lifespan
    return made


if __name__ == "__main__":
    serve_at(app(), "127.0.0.1", int(os.environ["BENCH_PORT"]))
