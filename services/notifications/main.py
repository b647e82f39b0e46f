"""The process of notifications: preferences and ledger over HTTP, and the relay of what its functions committed."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI

from services.contracts.callers import CALLERS
from services.contracts.roles import Role
from services.contracts.topology import dead_letters_of
from services.kernel.aliases import following_aliases
from services.kernel.http import create_app
from services.kernel.records import Records, records_router
from services.kernel.runtime import running, serve
from services.notifications.adapters.messages import OVERDUE
from services.notifications.adapters.postgres import unit_of_work
from services.notifications.adapters.records import KINDS
from services.notifications.api import router
from services.notifications.settings import Settings
from services.notifications.usecases.preferences import PreferenceDesk


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    # The queues of the topology feed Lambda functions; this process polls none, but tells how full they are.
    async with running(
        "notifications",
        Settings(),
        app_role=Role.EXTERNAL_APP,
        callers=CALLERS,
        overdue=(OVERDUE,),
        queues=dead_letters_of("notifications"),
    ) as runtime:
        app.state.edge = runtime.edge
        app.state.records = Records(runtime.database, KINDS)
        app.state.notifications = PreferenceDesk(unit_of_work(runtime.database), runtime.clock)
        async with following_aliases(runtime.edge, runtime.database):
            yield


def create() -> FastAPI:
    """Return the application; it reads its settings when it starts, not before."""
    return create_app(
        service="notifications",
        title="Careslot notifications",
        description="How patients want to be reached, and what they were told, without words or contact details.",
        version="1",
        routers=[router, records_router(*KINDS)],
        lifespan=_lifespan,
    )


if __name__ == "__main__":
    serve("services.notifications.main:create", Settings())
