"""Waitlist's process: ports bound to PostgreSQL and booking, rounds of offering, and the edge in front."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pkgutil import resolve_name

from fastapi import FastAPI

from services.contracts.callers import CALLERS
from services.contracts.roles import Role
from services.contracts.slot_offer import SigningKey
from services.contracts.topology import dead_letters_of, subscriptions_of
from services.kernel.aliases import Aliases, following_aliases
from services.kernel.clock import Clock
from services.kernel.credentials import ServiceToken
from services.kernel.database import Database
from services.kernel.http import create_app
from services.kernel.records import Records, records_router
from services.kernel.resilience import Budget, Dependency
from services.kernel.runtime import Runtime, Subscribed, running, serve
from services.kernel.telemetry import logger
from services.waitlist.adapters.booking import SCOPE, TIMEOUT_SECONDS, HttpBooking, OfferSigner
from services.waitlist.adapters.offers import OVERDUE
from services.waitlist.adapters.records import KINDS
from services.waitlist.adapters.store import PostgresStore, unit_of_work
from services.waitlist.adapters.zip_centroids import PackagedZipCentroids
from services.waitlist.api import ROUTERS
from services.waitlist.api.parts import Waitlist
from services.waitlist.ports import Booking, Signer, ZipCentroids
from services.waitlist.settings import Settings
from services.waitlist.usecases.answering import Answers
from services.waitlist.usecases.joining import WaitingList
from services.waitlist.usecases.merging import FollowMerges
from services.waitlist.usecases.offering import Offering

SERVICE = "waitlist"


def assemble(
    database: Database,
    clock: Clock,
    booking: Booking,
    sign: Signer,
    zips: ZipCentroids,
    notice: timedelta,
    aliases: Aliases | None = None,
) -> tuple[Waitlist, Offering]:
    """Bind the use cases to PostgreSQL and booking."""
    work = unit_of_work(database)
    parts = Waitlist(WaitingList(work, zips, clock), Answers(work, booking, sign, clock), aliases or Aliases())
    return parts, Offering(work, booking, clock, notice)


async def offer_for_ever(offering: Offering, merges: FollowMerges, seconds: float, rush_seconds: float) -> None:
    """Go round until cancelled; a failure waits for the next round.

    The first freed slot is offered within ``seconds``. In a rush what comes in ``rush_seconds`` is offered together:
    booking keeps each back for much longer, and what offers cost it is taken from those who book meanwhile.
    """
    while True:
        pause = seconds
        try:
            await merges.run()
            if await offering.round():
                pause = max(seconds, rush_seconds)
        except Exception as error:
            logger().warning("offering waits", error_type=type(error).__name__)
        await asyncio.sleep(pause)


def _booking(runtime: Runtime, settings: Settings) -> HttpBooking:
    token = ServiceToken(runtime.http, settings.token_url, settings.client_id, settings.client_secret, SCOPE)
    dependency = Dependency("booking", Budget(timeout=TIMEOUT_SECONDS, attempts=2))
    return HttpBooking(runtime.http, settings.booking_url, token, dependency)


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    settings = Settings()
    subscriptions = [
        Subscribed(subscription.queue, resolve_name(subscription.handler), PostgresStore, subscription.gather_seconds)
        for subscription in subscriptions_of(SERVICE)
        if subscription.runs == "process"
    ]
    async with running(
        SERVICE,
        settings,
        app_role=Role.EXTERNAL_APP,
        callers=CALLERS,
        subscriptions=subscriptions,
        overdue=(OVERDUE,),
        queues=dead_letters_of(SERVICE),
    ) as runtime:
        sign = OfferSigner(SigningKey(settings.offer_key_id, settings.signing_key_pem()))
        async with following_aliases(runtime.edge, runtime.database) as aliases:
            parts, offering = assemble(
                runtime.database, runtime.clock, _booking(runtime, settings), sign, PackagedZipCentroids(),
                timedelta(minutes=settings.notice_minutes), aliases,
            )  # fmt: skip
            app.state.edge, app.state.waitlist = runtime.edge, parts
            app.state.records = Records(runtime.database, KINDS)
            merges = FollowMerges(unit_of_work(runtime.database), runtime.clock)
            rounds = asyncio.create_task(
                offer_for_ever(offering, merges, settings.round_seconds, settings.rush_seconds)
            )
            try:
                yield
            finally:
                rounds.cancel()
                await asyncio.gather(rounds, return_exceptions=True)


def create() -> FastAPI:
    """Return the application; settings are read when it starts, not here."""
    return create_app(
        service=SERVICE,
        title="Careslot waitlist",
        description="Requests for an earlier visit, and offers of slots that others gave up.",
        version="1",
        routers=[*ROUTERS, records_router(*KINDS)],
        lifespan=_lifespan,
    )


if __name__ == "__main__":
    serve("services.waitlist.main:create", Settings())
