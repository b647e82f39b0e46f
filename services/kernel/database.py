"""PostgreSQL for one service: a bounded pool, short transactions, plain SQL migrations.

Every session bounds its statements and its idle time in a transaction: a forgotten transaction holds back the
snapshot that the change feed's cursor is compared with, and so every reader behind it.
"""

import asyncio
import contextlib
import json
import re
import weakref
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast
from urllib.parse import urlsplit

import asyncpg
import boto3
from prometheus_client import REGISTRY
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from services.kernel.deadlines import remaining
from services.kernel.errors import Unavailable

T = TypeVar("T")
LOCK_SECONDS = 5
MIGRATION_SECONDS = 300
POSTGRES = 5432
# Every address of Aurora's ends so, after cluster and account's part (Aurora user guide, "Endpoints").
AURORA = re.compile(r"\.([a-z]{2}-[a-z]+-\d)\.rds\.amazonaws\.com$")
if TYPE_CHECKING:
    Connection = asyncpg.Connection[asyncpg.Record]
else:
    Connection = asyncpg.Connection
LOST = (
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,  # what a session ended by the server while idle answers to its next statement
    asyncpg.PostgresConnectionError,
    asyncpg.CannotConnectNowError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.TooManyConnectionsError,
)
_UNBOUND = contextlib.nullcontext()
SERIALIZATION_FAULTS = (asyncpg.SerializationError, asyncpg.DeadlockDetectedError)


class Database:
    """A pool that survives its server: it connects when first used and says Unavailable while it cannot."""

    def __init__(
        self,
        dsn: str,
        *,
        application: str,
        max_size: int = 10,
        acquire_seconds: float = 3.0,
        statement_seconds: int = 10,
        reset_sessions: bool = True,
    ) -> None:
        """``reset_sessions`` False: nobody who borrows a connection leaves anything in its session."""
        self._dsn = dsn
        self.application = application
        self._max_size = max_size
        self._acquire_seconds = acquire_seconds
        self._statement_seconds = statement_seconds
        self._reset = None if reset_sessions else _leave_as_it_is
        self._pool: asyncpg.Pool[asyncpg.Record] | None = None
        self._after_commit: list[Callable[[], None]] = []
        _EXPOSED.databases.add(self)

    async def open(self) -> None:
        """Prepare the pool; no connection is made yet, so a service can start before its database."""
        self._pool = await asyncpg.create_pool(
            self._dsn,
            password=iam_password(self._dsn),
            min_size=0,
            max_size=self._max_size,
            init=_prepare,
            reset=self._reset,
            timeout=self._acquire_seconds,
            max_inactive_connection_lifetime=60.0,
            server_settings={
                "application_name": self.application,
                "timezone": "UTC",
                "statement_timeout": str(self._statement_seconds * 1000),
                "idle_in_transaction_session_timeout": "15000",
                "lock_timeout": "5000",
            },
        )

    async def close(self) -> None:
        """Close every connection, waiting at most two seconds for those in use."""
        if self._pool is not None:
            try:
                async with asyncio.timeout(2.0):
                    await self._pool.close()
            except TimeoutError:
                self._pool.terminate()

    def connections(self) -> dict[str, int]:
        """Return how many connections are lent, how many are idle, and how many there may be."""
        size, idle = (self._pool.get_size(), self._pool.get_idle_size()) if self._pool else (0, 0)
        return {"lent": size - idle, "idle": idle, "limit": self._max_size}

    def after_commit(self, hook: Callable[[], None]) -> None:
        """Call ``hook`` after each committed transaction; the relay is woken this way, outside the transaction."""
        self._after_commit.append(hook)

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Connection]:
        """Lend a connection for reads in autocommit; raise Unavailable when none can be had."""
        if self._pool is None:
            raise Unavailable("The database is not open.", retry_after=1)
        left = remaining(self._statement_seconds)
        if not left:
            raise Unavailable("The time for this request is over.", retry_after=1)
        try:
            connection = await self._pool.acquire(timeout=min(left, self._acquire_seconds))
        except (*LOST, OSError, TimeoutError) as error:
            raise Unavailable("The database does not answer.", retry_after=1) from error
        # The server bounds every statement by itself: only a caller with clearly less time than that needs a timer.
        bound = asyncio.timeout(left) if left < self._statement_seconds - 1 else _UNBOUND
        try:
            async with bound:
                # The pool's proxy behaves as the connection it stands for; the stubs do not say so.
                yield cast("Connection", connection)
        except TimeoutError as error:
            if isinstance(bound, asyncio.Timeout) and bound.expired():
                raise Unavailable("The time for this request is over.", retry_after=1) from error
            raise
        except LOST as error:
            raise Unavailable("The database does not answer.", retry_after=1) from error
        finally:
            # Lost only now, after the work was done: the pool has let go of it all the same.
            with contextlib.suppress(*LOST):
                await self._pool.release(connection)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Connection]:
        """Lend a connection inside one READ COMMITTED transaction: commit on leaving, roll back on any error."""
        async with self.connection() as connection, connection.transaction():
            yield connection
        for hook in self._after_commit:
            hook()

    async def run(self, work: Callable[[Connection], Awaitable[T]], attempts: int = 3) -> T:
        """Run ``work`` in a transaction, again after a deadlock or serialization failure; it must be repeatable."""
        for attempt in range(1, attempts + 1):
            try:
                async with self.transaction() as connection:
                    return await work(connection)
            except SERIALIZATION_FAULTS as error:
                if attempt == attempts:
                    raise Unavailable("Too many people want the same thing; try again.", retry_after=1) from error
        raise AssertionError("the loop returns or raises")

    async def ping(self) -> None:
        """Raise Unavailable unless the database answers within a second."""
        try:
            async with asyncio.timeout(1.0), self.connection() as connection:
                await connection.execute("SELECT 1")
        except TimeoutError as error:
            raise Unavailable("The database does not answer.", retry_after=1) from error


class _Exposed(Collector):
    """Reads the pools when somebody asks for metrics: counting costs a request nothing."""

    def __init__(self) -> None:
        self.databases: weakref.WeakSet[Database] = weakref.WeakSet()

    def collect(self) -> Iterable[Metric]:
        """Return the connections of every pool of this process."""
        found = GaugeMetricFamily(
            "careslot_database_connections", "Connections: lent, idle, limit.", labels=["service", "state"]
        )
        for database in list(self.databases):
            for state, count in database.connections().items():
                found.add_metric([database.application, state], count)
        return (found,)


_EXPOSED = _Exposed()
REGISTRY.register(_EXPOSED)


def migrate(dsn: str, *folders: Path) -> int:
    """Apply the pending yoyo migrations of ``folders`` in order; return how many were applied.

    Blocking, under yoyo's lock, each migration in its own transaction. Run as the role that owns the database.
    """
    import yoyo  # noqa: PLC0415 -- drags in psycopg, which no Lambda needs

    backend = yoyo.get_backend(dsn.replace("postgresql://", "postgresql+psycopg://", 1))
    try:
        applied = 0
        # A migration that waits for a lock makes everyone behind it wait: better to fail and be run again.
        backend.execute(f"SET lock_timeout = '{LOCK_SECONDS}s'")
        backend.execute(f"SET statement_timeout = '{MIGRATION_SECONDS}s'")
        with backend.lock():
            for folder in folders:
                pending = backend.to_apply(yoyo.read_migrations(str(folder)))
                backend.apply_migrations(pending)
                applied += len(pending)
        return applied
    finally:
        backend.connection.close()


async def _prepare(connection: Any) -> None:
    for name in ("json", "jsonb"):
        await connection.set_type_codec(name, encoder=json.dumps, decoder=json.loads, schema="pg_catalog")


async def _leave_as_it_is(connection: Any) -> None:
    """Keep the pool from resetting a session, which takes 100 to 200 microseconds of PostgreSQL's time a request.

    Where no SET but LOCAL, no LISTEN, no temporary table and no cursor is used. The one lock of a session, the relay's,
    is given back by the relay, or its session ends (``outbox``).
    """
    if connection.is_in_transaction():
        await connection.reset()


def iam_password(dsn: str) -> Callable[[], Awaitable[str]] | None:
    """Return what asks IAM for a token of fifteen minutes, anew for each connection, in the place of a password.

    None where the address holds a password, or is not Aurora's: it is taken as it is.
    """
    address = urlsplit(dsn)
    host, user = address.hostname or "", address.username or ""
    region = AURORA.search(host)
    if region is None or address.password:
        return None
    client = boto3.client("rds", region_name=region[1])
    port = address.port or POSTGRES

    async def token() -> str:
        # Signed here, without a call; only the role's own credentials may have to be fetched.
        return await asyncio.to_thread(client.generate_db_auth_token, DBHostname=host, Port=port, DBUsername=user)

    return token
