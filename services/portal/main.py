"""The portal as a process: no database, no bus, no queue; what it shows it asks for."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import Any

import boto3
import httpx
from botocore import UNSIGNED
from botocore.config import Config
from fastapi import FastAPI

from services.contracts.callers import CALLERS
from services.kernel.access import AccessPolicies
from services.kernel.actor import TokenVerifier
from services.kernel.audit import AuditEntry
from services.kernel.clock import SystemClock
from services.kernel.doorkeeper import Doorkeeper
from services.kernel.http import Edge, create_app
from services.kernel.runtime import serve
from services.kernel.telemetry import configure_logging, logger
from services.portal.adapters.neighbours import HttpNeighbours
from services.portal.adapters.user_pool import UserPool
from services.portal.api import ROUTERS
from services.portal.api.cookies import Sealer
from services.portal.api.entrance import Portal, session_credential
from services.portal.api.failures import busy_page, install
from services.portal.settings import Settings

SIGN_INS_AT_ONCE = 8
# InitiateAuth and RespondToAuthChallenge are unsigned calls: the portal needs no credentials of AWS for them.
_COGNITO = Config(signature_version=UNSIGNED, connect_timeout=2, read_timeout=8, retries={"max_attempts": 1})


def create() -> FastAPI:
    """Return the portal's application; settings are read when it starts."""
    app = create_app(
        service="portal", title="Careslot portal", description="Pages for patients and staff.", version="1.0.0",
        routers=ROUTERS, lifespan=_lifespan,
    )  # fmt: skip
    plain = app.openapi

    def openapi() -> dict[str, Any]:
        document = plain()
        schemes = document["components"]["securitySchemes"]
        schemes["session"] = {"type": "apiKey", "in": "cookie", "name": "careslot_session"}
        return document

    app.openapi = openapi  # type: ignore[method-assign]  # FastAPI documents replacing it
    install(app)
    return app


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    settings = Settings()
    configure_logging("portal", settings.log_level)
    asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(SIGN_INS_AT_ONCE, thread_name_prefix="aws"))
    clock = SystemClock()
    addresses = {
        "directory": settings.directory_url, "availability": settings.availability_url,
        "booking": settings.booking_url, "notifications": settings.notifications_url,
        "waitlist": settings.waitlist_url, "audit": settings.audit_url,
    }  # fmt: skip
    limits = httpx.Limits(max_connections=400, max_keepalive_connections=60)
    async with httpx.AsyncClient(timeout=5.0, limits=limits) as http:

        async def fetch_jwks() -> Any:
            return (await http.get(settings.token_jwks_url)).raise_for_status().json()

        verifier = TokenVerifier(settings.token_issuer, frozenset({settings.portal_client_id}), fetch_jwks, "")
        cognito = boto3.client("cognito-idp", config=_COGNITO)
        app.state.portal = Portal(
            neighbours=HttpNeighbours(http, addresses),
            sign_in=UserPool(cognito, settings.portal_client_id, verifier, clock),
            sealer=Sealer(settings.session_keys),
            clock=clock,
            secure=settings.secure_cookies,
        )
        app.state.edge = Edge(
            service="portal",
            policies=AccessPolicies.from_folder(settings.access_policies),
            verifier=verifier,
            clock=clock,
            refused=_refused,
            checks={name: _answers(http, url) for name, url in addresses.items()},
            # Without any one of them there are still pages to show: nobody is turned away.
            required=frozenset(),
            door=Doorkeeper("portal", CALLERS),
            credential=session_credential,
            refused_page=busy_page,
        )
        logger().info("started", port=settings.port)
        yield


async def _refused(entry: AuditEntry) -> None:
    # The services behind audit what they refuse; no route here opens a gate of its own.
    logger().warning("refused", action=entry.action)


def _answers(http: httpx.AsyncClient, address: str) -> Callable[[], Awaitable[None]]:
    async def check() -> None:
        (await http.get(f"{address}/livez", timeout=1.0)).raise_for_status()

    return check


if __name__ == "__main__":
    serve("services.portal.main:create", Settings())
