"""The availability service put together: settings to ports, ports to use cases, use cases to routes."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from pkgutil import resolve_name

from fastapi import FastAPI

from services.availability.adapters import noshow_model
from services.availability.adapters.memory.following import IndexKeeper
from services.availability.adapters.memory_lookups import lookups
from services.availability.adapters.memory_search import MemorySlotSearch
from services.availability.adapters.offer_keys import public_jwk
from services.availability.adapters.postgres import store_of, unit_of_work
from services.availability.adapters.postgres_clinics import ClinicSearch, clinic_work
from services.availability.adapters.postgres_interpreters import PostgresInterpreterTimes
from services.availability.adapters.postgres_search import PostgresSlotSearch
from services.availability.adapters.records import KINDS
from services.availability.adapters.zip_centroids import PackagedZipCentroids
from services.availability.api import absences, clinics, public, schedules, slots, why
from services.availability.api.dependencies import Availability
from services.availability.consumers import on_bookings
from services.availability.ports import LookUp, SlotSearch, UnitOfWork, ZipCentroids
from services.availability.settings import Settings
from services.availability.usecases.absences import Closures, LeaveOfAbsence
from services.availability.usecases.clinics import Clinics
from services.availability.usecases.horizon import ExtendHorizon
from services.availability.usecases.materialise import Horizon
from services.availability.usecases.open_times import OpenTimes
from services.availability.usecases.projections import DirectoryProjection
from services.availability.usecases.schedules import Schedules
from services.availability.usecases.search import SearchSlots
from services.availability.usecases.slotting_upkeep import SlottingUpkeep
from services.availability.usecases.why import ExplainSlot
from services.contracts.callers import CALLERS
from services.contracts.roles import Role
from services.contracts.slot_offer import SigningKey
from services.contracts.topology import dead_letters_of, subscriptions_of
from services.kernel.clock import Clock, SystemClock
from services.kernel.database import Connection, Database
from services.kernel.http import create_app
from services.kernel.records import Records, records_router
from services.kernel.runtime import Runtime, Subscribed, SubscribedInBatches, running, serve
from services.kernel.telemetry import logger

SERVICE = "availability"
DESCRIPTION = "Schedules, leave and closures become open slots; search answers with signed offers."
RETRY = timedelta(minutes=1)
ONCE_AN_HOUR = timedelta(hours=1)
QUARTER_HOUR = timedelta(minutes=15)
A_MOMENT = timedelta(seconds=2)


def assemble(
    database: Database,
    clock: Clock,
    pem: str,
    key_id: str,
    horizon: Horizon,
    zips: ZipCentroids,
    keeper: IndexKeeper | None = None,
) -> Availability:
    """Return the use cases over a database; raise Invalid when ``pem`` is not an Ed25519 private key.

    Searches are answered from the index of ``keeper`` where there is one, otherwise in SQL.
    """
    transaction = unit_of_work(database)
    jwk, key, times = public_jwk(pem, key_id), SigningKey(key_id, pem), PostgresInterpreterTimes(database)
    search: SlotSearch = PostgresSlotSearch(database)
    look_up: LookUp = transaction
    if keeper is not None:
        search, look_up = MemorySlotSearch(keeper, search), lookups(keeper, look_up)
    return Availability(
        search=SearchSlots(look_up, ClinicSearch(database, search), times, zips, key, clock, horizon.rules),
        explain=ExplainSlot(transaction, horizon.rules, clock),
        schedules=Schedules(transaction, horizon),
        leave=LeaveOfAbsence(transaction, horizon),
        closures=Closures(transaction, horizon),
        clinics=Clinics(clinic_work(database), clock),
        offer_keys={"keys": [jwk]},
        open_times=OpenTimes(look_up, ClinicSearch(database, search), clock),
    )


def _subscribed(horizon: Horizon) -> list[Subscribed | SubscribedInBatches]:
    found: list[Subscribed | SubscribedInBatches] = []
    for sub in [one for one in subscriptions_of(SERVICE) if one.runs == "process"]:
        handler = resolve_name(sub.handler)
        if handler is on_bookings:
            found.append(SubscribedInBatches(sub.queue, handler, store_of, sub.gather_seconds))
        else:
            found.append(Subscribed(sub.queue, handler, partial(_directory, horizon=horizon), sub.gather_seconds))
    return found


def _directory(connection: Connection, *, horizon: Horizon) -> DirectoryProjection:
    return DirectoryProjection(store_of(connection), horizon)


async def _keep_horizon(transaction: UnitOfWork, horizon: Horizon) -> None:
    """Extend the horizon now and every hour: the day changes at another hour in each zone, and none may be missed."""
    extend = ExtendHorizon(transaction, horizon)
    while True:
        wait = ONCE_AN_HOUR
        try:
            if extended := await extend.run():
                logger().info("horizon extended", count=extended)
        except Exception as error:
            logger().warning("horizon waits", error_type=type(error).__name__)
            wait = RETRY
        await asyncio.sleep(wait.total_seconds())


async def _keep_slotting(transaction: UnitOfWork, horizon: Horizon) -> None:
    """Follow demand and measurements every quarter of an hour, and what bookings change within seconds."""
    upkeep = SlottingUpkeep(transaction, horizon, horizon.rules)
    learnt_at: datetime | None = None
    while True:
        try:
            now = horizon.clock.now()
            if learnt_at is None or now - learnt_at >= QUARTER_HOUR:
                changed, learnt = await upkeep.follow_demand(), await upkeep.learn_lengths()
                await upkeep.forget()
                learnt_at = now
                if changed or learnt:
                    logger().info("slotting learnt", lengths=learnt, demand=changed)
            wait = A_MOMENT if not await upkeep.renew_plans() else timedelta()
        except Exception as error:
            logger().warning("slotting waits", error_type=type(error).__name__)
            wait = RETRY
        await asyncio.sleep(wait.total_seconds())


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    settings = Settings()
    clock = SystemClock()
    horizon = Horizon(clock, settings.horizon_days, settings.slotting_rules(noshow_model.load(settings.slotting_model)))
    zips = PackagedZipCentroids()
    runtime: Runtime
    async with running(
        SERVICE,
        settings,
        app_role=Role.EXTERNAL_APP,
        callers=CALLERS,
        subscriptions=_subscribed(horizon),
        clock=clock,
        queues=dead_letters_of(SERVICE),
    ) as runtime:
        # Half a second of reading that the first search should not wait for.
        await asyncio.to_thread(zips.find, "00000")
        keeper: IndexKeeper | None = None
        app.state.edge = runtime.edge
        if settings.search_index_megabytes:
            keeper = IndexKeeper(runtime.database, clock, settings.search_index_megabytes * 2**20)
            # The readiness page tells which path searches take; SQL is no reason to turn traffic away.
            app.state.edge = replace(runtime.edge, checks={**runtime.edge.checks, "search-index": keeper.check})
        app.state.records = Records(runtime.database, KINDS)
        app.state.availability = assemble(
            runtime.database, clock, settings.signing_key_pem(), settings.offer_key_id, horizon, zips, keeper
        )
        transaction = unit_of_work(runtime.database)
        tasks = [asyncio.create_task(keep(transaction, horizon)) for keep in (_keep_horizon, _keep_slotting)]
        if keeper is not None:
            tasks.append(asyncio.create_task(keeper.run()))
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


def create() -> FastAPI:
    """Return the application; nothing is read from the environment before it starts."""
    return create_app(
        service=SERVICE,
        title="Careslot availability",
        description=DESCRIPTION,
        version="1.0.0",
        routers=[
            slots.router,
            why.router,
            schedules.router,
            absences.router,
            clinics.router,
            public.router,
            records_router(*KINDS),
        ],
        lifespan=_lifespan,
    )


if __name__ == "__main__":
    serve("services.availability.main:create", Settings())
