"""Booking's process: ports bound to PostgreSQL, availability and the clock, and the edge in front."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from pkgutil import resolve_name

from fastapi import FastAPI

from services.booking.adapters.availability import TIMEOUT_SECONDS, AvailabilitySlots, NoSlots
from services.booking.adapters.disruptions import disruption_work
from services.booking.adapters.feed import PostgresFeed
from services.booking.adapters.freed import freed_work
from services.booking.adapters.late_rules import late_rule_work
from services.booking.adapters.merging import PostgresMerging
from services.booking.adapters.places import PostgresPlaces
from services.booking.adapters.projections import PostgresProjections, ended_break_glass
from services.booking.adapters.register import PostgresRegister
from services.booking.adapters.replacements import SCOPE, AvailabilityReplacements, NoReplacements
from services.booking.adapters.store import unit_of_work
from services.booking.adapters.turns import Turns
from services.booking.adapters.upkeep import OVERDUE, PURGE_SECONDS, purge, repeatedly, sweep
from services.booking.api import ROUTERS
from services.booking.api.headers import render_stale
from services.booking.api.parts import Booking
from services.booking.ports import OpenSlots, Register, Replacements
from services.booking.settings import Settings
from services.booking.usecases.alternatives import FindAlternatives
from services.booking.usecases.answering import AnswerDisruptions
from services.booking.usecases.cancelling import LateCancellations
from services.booking.usecases.changing import ChangeAppointments
from services.booking.usecases.double_bookings import ReadDoubleBookings
from services.booking.usecases.following import Broadcaster
from services.booking.usecases.keeping import KeepFreedSlots
from services.booking.usecases.overseeing import OverseeDisruptions
from services.booking.usecases.reading import ReadAppointments
from services.booking.usecases.recurring import Series
from services.booking.usecases.replacing import FindReplacements
from services.booking.usecases.taking import TakeSlots
from services.booking.usecases.working_off import WorkOffDisruptions
from services.contracts.break_glass import GlassKeys, Revocations
from services.contracts.callers import CALLERS
from services.contracts.roles import Role
from services.contracts.slot_offer import OfferKeys
from services.contracts.topology import dead_letters_of, subscriptions_of
from services.kernel.aliases import Aliases, following_aliases
from services.kernel.clock import Clock
from services.kernel.concurrency import BATCHING_SECONDS
from services.kernel.credentials import ServiceToken
from services.kernel.database import Database
from services.kernel.errors import StaleVersion
from services.kernel.http import create_app
from services.kernel.resilience import Budget, Dependency
from services.kernel.runtime import Runtime, Subscribed, running, serve
from services.kernel.telemetry import OUTCOMES

SERVICE = "booking"
# Connections that relay, sweeper, consumers and plain reads find free, however great the rush.
KEPT_FREE = 4


@dataclass(frozen=True, slots=True)
class Upkeep:
    """What works by the clock: the register's sweeper and the rounds of working disruptions off."""

    register: Register
    disruptions: WorkOffDisruptions


def assemble(
    database: Database,
    clock: Clock,
    slots: OpenSlots,
    replacements: Replacements,
    settings: Settings,
    aliases: Aliases | None = None,
) -> tuple[Booking, Upkeep]:
    """Bind the use cases to PostgreSQL; return them with what has to be done by the clock."""
    turns = Turns(max(1, settings.database_pool - KEPT_FREE))
    aliases = aliases or Aliases()
    register = PostgresRegister(database, turns, aliases)
    feed = PostgresFeed(database)
    places = PostgresPlaces(database, turns)
    alternatives = FindAlternatives(slots, places, clock)
    offers = OfferKeys(settings.offer_key_set())
    grace, late, rules = settings.grace_rules(), settings.late_cancel_hours, settings.disruption_rules()
    reads, disruptions = unit_of_work(database), disruption_work(database)
    replace = FindReplacements(replacements, places, disruptions, clock, rules)

    # Told from the start: of a counter that begins with 1 Prometheus sees no increase.
    OUTCOMES.labels(SERVICE, "patient-double-booked")

    def lost(slug: str) -> None:
        OUTCOMES.labels(SERVICE, slug).inc()

    take = TakeSlots(register, offers, alternatives, clock, lost, grace)
    parts = Booking(
        take=take,
        change=ChangeAppointments(register, clock, grace, late),
        keep=KeepFreedSlots(freed_work(database), grace, clock),
        read=ReadAppointments(reads, feed, clock),
        double_bookings=ReadDoubleBookings(reads, PostgresMerging(database, clock), clock),
        aliases=aliases,
        broadcast=Broadcaster(feed),
        series=Series(register, reads, offers, alternatives, clock, lost, grace, late),
        late=LateCancellations(register, reads, late_rule_work(database), clock, late),
        oversee=OverseeDisruptions(disruptions, reads, clock),
        answer=AnswerDisruptions(disruptions, reads, register, take, replace, clock),
        hold=timedelta(seconds=settings.hold_seconds),
        longest_hold=timedelta(seconds=max(settings.hold_seconds, settings.hold_seconds_max)),
        stream_seconds=settings.stream_seconds,
        heartbeat_seconds=settings.heartbeat_seconds,
    )
    return parts, Upkeep(register, WorkOffDisruptions(disruptions, register, replace, clock, rules))


@asynccontextmanager
async def upkeep(
    parts: Booking, due: Upkeep, database: Database, clock: Clock, settings: Settings
) -> AsyncIterator[None]:
    """Run sweeper, purge, rounds of disruptions and the streams' reader meanwhile; on leaving end the streams."""
    answers_kept = timedelta(hours=settings.answers_hours)
    tasks = [
        asyncio.create_task(repeatedly(settings.sweep_seconds, "sweep", partial(sweep, due.register, clock))),
        asyncio.create_task(repeatedly(settings.disruption_round_seconds, "disruptions", due.disruptions.round)),
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


def _replacements(runtime: Runtime, settings: Settings) -> Replacements:
    if not (settings.availability_url and settings.token_url):
        return NoReplacements()
    token = ServiceToken(runtime.http, settings.token_url, settings.client_id, settings.client_secret, SCOPE)
    # Of its own: a search that fails in the background must not open the breaker that patients' searches go through.
    dependency = Dependency("availability", Budget(timeout=2 * TIMEOUT_SECONDS, attempts=1))
    return AvailabilityReplacements(
        runtime.http, settings.availability_url, token, dependency, settings.disruption_within_km
    )


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    settings = Settings()
    subscriptions = [
        Subscribed(
            subscription.queue, resolve_name(subscription.handler), PostgresProjections, subscription.gather_seconds
        )
        for subscription in subscriptions_of(SERVICE)
        if subscription.runs == "process"
    ]
    emergency = Revocations(GlassKeys.from_setting(settings.break_glass_keys))
    async with (
        running(
            SERVICE,
            settings,
            app_role=Role.EXTERNAL_APP,
            callers=CALLERS,
            reset_sessions=False,
            subscriptions=subscriptions,
            emergency=emergency,
            overdue=OVERDUE,
            queues=dead_letters_of(SERVICE),
            standing_seconds=BATCHING_SECONDS,
        ) as runtime,
        following_aliases(runtime.edge, runtime.database) as aliases,
        emergency.following(partial(ended_break_glass, runtime.database)),
    ):
        slots, replacements = _slots(runtime, settings), _replacements(runtime, settings)
        parts, due = assemble(runtime.database, runtime.clock, slots, replacements, settings, aliases)
        app.state.edge, app.state.booking = runtime.edge, parts
        async with upkeep(parts, due, runtime.database, runtime.clock, settings):
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
