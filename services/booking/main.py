"""Booking's process: ports bound to PostgreSQL, availability and the clock, and the edge in front."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from functools import partial
from pkgutil import resolve_name

from fastapi import FastAPI

from services.booking.adapters.availability import TIMEOUT_SECONDS, AvailabilitySlots, NoSlots
from services.booking.adapters.feed import PostgresFeed
from services.booking.adapters.freed import freed_work
from services.booking.adapters.merging import PostgresMerging
from services.booking.adapters.places import PostgresPlaces
from services.booking.adapters.projections import PostgresProjections
from services.booking.adapters.register import PostgresRegister
from services.booking.adapters.store import unit_of_work
from services.booking.adapters.turns import Turns
from services.booking.adapters.upkeep import PURGE_SECONDS, purge, repeatedly, sweep
from services.booking.api import ROUTERS
from services.booking.api.headers import render_stale
from services.booking.api.parts import Booking
from services.booking.ports import OpenSlots, Register
from services.booking.settings import Settings
from services.booking.usecases.alternatives import FindAlternatives
from services.booking.usecases.changing import ChangeAppointments
from services.booking.usecases.double_bookings import ReadDoubleBookings
from services.booking.usecases.following import Broadcaster
from services.booking.usecases.keeping import KeepFreedSlots
from services.booking.usecases.reading import ReadAppointments
from services.booking.usecases.taking import TakeSlots
from services.contracts.break_glass import GlassKeys
from services.contracts.roles import Role
from services.contracts.slot_offer import OfferKeys
from services.contracts.topology import subscriptions_of
from services.kernel.aliases import Aliases, following_aliases
from services.kernel.clock import Clock
from services.kernel.database import Database
from services.kernel.errors import StaleVersion
from services.kernel.http import create_app
from services.kernel.resilience import Budget, Dependency
from services.kernel.runtime import Runtime, Subscribed, running, serve
from services.kernel.telemetry import OUTCOMES

SERVICE = "booking"
# Connections that relay, sweeper, consumers and plain reads find free, however great the rush.
KEPT_FREE = 4


def assemble(
    database: Database, clock: Clock, slots: OpenSlots, settings: Settings, aliases: Aliases | None = None
) -> tuple[Booking, PostgresRegister]:
    """Bind the use cases to PostgreSQL; return them with the register the sweeper works on."""
    turns = Turns(max(1, settings.database_pool - KEPT_FREE))
    aliases = aliases or Aliases()
    register = PostgresRegister(database, turns, aliases)
    feed = PostgresFeed(database)
    alternatives = FindAlternatives(slots, PostgresPlaces(database, turns), clock)
    offers = OfferKeys(settings.offer_key_set())
    grace = settings.grace_rules()
    parts = Booking(
        take=TakeSlots(register, offers, alternatives, clock, lambda slug: OUTCOMES.labels(SERVICE, slug).inc(), grace),
        change=ChangeAppointments(register, clock, grace),
        keep=KeepFreedSlots(freed_work(database), grace, clock),
        read=ReadAppointments(unit_of_work(database), feed, clock),
        double_bookings=ReadDoubleBookings(unit_of_work(database), PostgresMerging(database, clock), clock),
        aliases=aliases,
        broadcast=Broadcaster(feed),
        hold=timedelta(seconds=settings.hold_seconds),
        longest_hold=timedelta(seconds=max(settings.hold_seconds, settings.hold_seconds_max)),
        stream_seconds=settings.stream_seconds,
        heartbeat_seconds=settings.heartbeat_seconds,
    )
    return parts, register


@asynccontextmanager
async def upkeep(
    parts: Booking, register: Register, database: Database, clock: Clock, settings: Settings
) -> AsyncIterator[None]:
    """Run sweeper, purge and the streams' reader meanwhile; on leaving end the streams."""
    answers_kept = timedelta(hours=settings.answers_hours)
    tasks = [
        asyncio.create_task(repeatedly(settings.sweep_seconds, "sweep", partial(sweep, register, clock))),
        asyncio.create_task(repeatedly(PURGE_SECONDS, "purge", partial(purge, database, clock, answers_kept))),
        asyncio.create_task(repeatedly(settings.sweep_seconds, "merges", PostgresMerging(database, clock).sweep)),
        asyncio.create_task(parts.broadcast.run()),
    ]
    try:
        yield
    finally:
        parts.broadcast.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _slots(runtime: Runtime, settings: Settings) -> OpenSlots:
    if not settings.availability_url:
        return NoSlots()
    dependency = Dependency("availability", Budget(timeout=TIMEOUT_SECONDS, attempts=1))
    return AvailabilitySlots(runtime.http, settings.availability_url, dependency)


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    settings = Settings()
    subscriptions = [
        Subscribed(subscription.queue, resolve_name(subscription.handler), PostgresProjections)
        for subscription in subscriptions_of(SERVICE)
        if subscription.runs == "process"
    ]
    emergency = GlassKeys.from_setting(settings.break_glass_keys)
    async with (
        running(
            SERVICE, settings, app_role=Role.EXTERNAL_APP, subscriptions=subscriptions, emergency=emergency
        ) as runtime,
        following_aliases(runtime.edge, runtime.database) as aliases,
    ):
        parts, register = assemble(runtime.database, runtime.clock, _slots(runtime, settings), settings, aliases)
        app.state.edge, app.state.booking = runtime.edge, parts
        async with upkeep(parts, register, runtime.database, runtime.clock, settings):
            yield


def create() -> FastAPI:
    """Return the application; settings are read when it starts, not here."""
    app = create_app(
        service=SERVICE,
        title="Careslot booking",
        description="Holds and appointments. No two live claims on a clinician, room, interpreter or patient overlap.",
        version="1",
        routers=ROUTERS,
        lifespan=_lifespan,
    )
    app.add_exception_handler(StaleVersion, render_stale)
    return app


if __name__ == "__main__":
    serve("services.booking.main:create", Settings())
