"""The whole store in one PostgreSQL transaction: projections, requests, offers, outbox."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime

import asyncpg

from services.kernel.audit import AuditEntry
from services.kernel.database import SERIALIZATION_FAULTS, Database
from services.kernel.errors import Unavailable
from services.kernel.outbox import Publishable, append_audit, append_events
from services.waitlist.adapters.offers import PostgresOffers
from services.waitlist.adapters.projections import PostgresProjections
from services.waitlist.adapters.requests import PostgresRequests
from services.waitlist.ports import Store, UnitOfWork


class PostgresStore(PostgresProjections, PostgresRequests, PostgresOffers):
    """Implements ``ports.Store`` in the transaction of ``connection``."""

    async def publish(self, events: Sequence[Publishable], at: datetime) -> None:
        """Put events into the outbox."""
        await append_events(self._connection, events, at)

    async def audit(self, entry: AuditEntry) -> None:
        """Put an entry into the outbox, for the audit trail."""
        await append_audit(self._connection, [entry])


def unit_of_work(database: Database) -> UnitOfWork:
    """Return the maker of transactions on ``database``."""

    @asynccontextmanager
    async def work() -> AsyncIterator[Store]:
        try:
            async with database.transaction() as connection:
                yield PostgresStore(connection)
        except (asyncpg.LockNotAvailableError, asyncpg.QueryCanceledError, *SERIALIZATION_FAULTS) as fault:
            raise Unavailable("The list is being changed; try again.", retry_after=1) from fault

    return work
