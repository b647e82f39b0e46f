"""The directory's process: use cases over PostgreSQL, bundled ZIP codes and Cognito, behind the edge."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

import boto3
from fastapi import FastAPI

from services.contracts.break_glass import GlassKeys, Revocations
from services.contracts.callers import CALLERS
from services.contracts.roles import Role
from services.directory.adapters.cognito import CognitoAccounts
from services.directory.adapters.postgres import ended_break_glass, unit_of_work
from services.directory.adapters.records import KINDS
from services.directory.adapters.zip_codes import BundledZipCodes, places
from services.directory.api import (
    break_glass,
    catalogue,
    clinicians,
    facilities,
    interpreters,
    merges,
    patients,
    proxies,
    public,
    roles,
)
from services.directory.settings import Settings
from services.directory.usecases import assemble
from services.directory.usecases.roles import Roles
from services.kernel.aliases import following_aliases
from services.kernel.http import create_app
from services.kernel.records import Records, records_router
from services.kernel.runtime import AWS, running, serve
from services.kernel.telemetry import logger

SERVICE = "directory"
PENDING_ROLES_SECONDS = 15.0
REPLACED = "SELECT replaced_id, survivor_id FROM patient_merges"


def create() -> FastAPI:
    """Return the application; it reads its settings when it starts."""
    return create_app(
        service=SERVICE,
        title="Careslot directory",
        description="Facilities, clinicians, interpreters, specialties, visit types, patients, proxies, roles.",
        version="1.0.0",
        routers=[
            facilities.router,
            clinicians.router,
            interpreters.router,
            catalogue.router,
            patients.router,
            proxies.router,
            merges.router,
            roles.router,
            break_glass.router,
            public.router,
            records_router(*KINDS),
        ],
        lifespan=_lifespan,
    )


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    settings = Settings()
    emergency = Revocations(GlassKeys.from_setting(settings.break_glass_keys))
    async with running(SERVICE, settings, app_role=Role.EXTERNAL_APP, callers=CALLERS, emergency=emergency) as runtime:
        await asyncio.to_thread(places)
        accounts = CognitoAccounts(boto3.client("cognito-idp", config=AWS), settings.user_pool_id)
        app.state.edge = runtime.edge
        app.state.directory = assemble(
            unit_of_work(runtime.database), BundledZipCodes(), accounts, settings.signer().sign, runtime.clock,
            settings.rules(),
        )  # fmt: skip
        telling = asyncio.create_task(_tell_pending_roles(app.state.directory.roles))
        try:
            app.state.records = Records(runtime.database, KINDS)
            async with (
                following_aliases(runtime.edge, runtime.database, REPLACED),
                emergency.following(partial(ended_break_glass, runtime.database)),
            ):
                yield
        finally:
            telling.cancel()
            await asyncio.gather(telling, return_exceptions=True)


async def _tell_pending_roles(roles: Roles) -> None:
    """Keep telling the identity provider what it could not be told when it was decided."""
    while True:
        await asyncio.sleep(PENDING_ROLES_SECONDS)
        try:
            await roles.apply_pending()
        except Exception as error:
            logger().warning("role assignments wait", error_type=type(error).__name__)


if __name__ == "__main__":
    serve("services.directory.main:create", Settings())
