"""The finder as a process: no database, no bus, no queue, no token; what it shows it asks for and keeps a while."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import httpx
from fastapi import FastAPI

from services.contracts.callers import CALLERS
from services.finder.adapters.neighbours import HttpCare
from services.finder.api import pages, smart, times
from services.finder.api.dependencies import Finder
from services.finder.ports import Care
from services.finder.settings import Settings
from services.finder.usecases.care import KnownCare
from services.finder.usecases.finding import FindTimes
from services.finder.usecases.publishing import Publish
from services.kernel.access import AccessPolicies
from services.kernel.actor import Actor
from services.kernel.audit import AuditEntry
from services.kernel.clock import Clock, SystemClock
from services.kernel.doorkeeper import Doorkeeper
from services.kernel.errors import Unauthenticated
from services.kernel.http import Edge, create_app
from services.kernel.runtime import serve
from services.kernel.telemetry import configure_logging, logger

SERVICE = "finder"


class NobodySignsIn:
    """Verifier of a service that takes no tokens."""

    async def verify(self, token: str) -> Actor:
        """Refuse: nothing here is for somebody in particular."""
        raise Unauthenticated("Nobody signs in here.", slug="token-not-taken")


def create() -> FastAPI:
    """Return the finder's application; settings are read when it starts."""
    return create_app(
        service=SERVICE,
        title="Careslot finder",
        description="Open times at facilities for anybody, and as SMART Scheduling Links. No PHI.",
        version="1.0.0",
        routers=[pages.router, times.router, smart.router],
        lifespan=_lifespan,
    )


def assemble(care: Care, clock: Clock, portal_url: str, public_url: str) -> Finder:
    """Return the use cases over what answers for directory and availability."""
    known = KnownCare(care, clock)
    publish = Publish(known, clock, portal_url.rstrip("/"))
    return Finder(FindTimes(known), publish, portal_url.rstrip("/"), public_url.rstrip("/"))


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    settings = Settings()
    configure_logging(SERVICE, settings.log_level)
    clock = SystemClock()
    # Routes that are open to anybody: through the public API there are no others to ask.
    answering = {
        "directory": f"{settings.directory_url}/public/visit-types",
        "availability": f"{settings.availability_url}/slot-offer-keys",
    }
    async with httpx.AsyncClient(timeout=5.0) as http:
        care = HttpCare(http, settings.directory_url, settings.availability_url, settings.days_shown)
        app.state.finder = assemble(care, clock, settings.portal_address, settings.public_address)
        app.state.edge = Edge(
            service=SERVICE,
            policies=AccessPolicies.from_folder(settings.access_policies),
            verifier=NobodySignsIn(),
            clock=clock,
            refused=_refused,
            checks={name: _answers(http, url) for name, url in answering.items()},
            # Without them it still shows what it knows: nobody is turned away.
            required=frozenset(),
            door=Doorkeeper(SERVICE, CALLERS),
        )
        logger().info("started", port=settings.port)
        yield


async def _refused(entry: AuditEntry) -> None:
    # Nobody is known here and no PHI is touched: there is no trail to write to.
    logger().warning("refused", action=entry.action)


def _answers(http: httpx.AsyncClient, url: str) -> Callable[[], Awaitable[None]]:
    async def check() -> None:
        (await http.get(url, timeout=1.0)).raise_for_status()

    return check


if __name__ == "__main__":
    serve("services.finder.main:create", Settings())
