"""A database that loses its session at a chosen statement: what a killed process or server leaves half done."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, cast

import asyncpg

from services.kernel.database import Connection, Database

BEFORE_COMMIT, AFTER_COMMIT = "before-commit", "after-commit"
Fault = int | str
_COUNTED = frozenset({"execute", "executemany", "fetch", "fetchrow", "fetchval"})


class FaultyDatabase(Database):
    """A ``Database`` with one fault at a time.

    ``fault`` is how many statements still succeed before the session is cut, or the commit before or after which it
    is; it is used up when it strikes. After-commit is the one a client cannot tell from the others: it was done.
    """

    fault: Fault | None = None
    struck = 0

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Connection]:
        """See ``Database``."""
        async with super().connection() as connection:
            yield cast("Connection", _Interposed(connection, self))

    def due(self, at: str) -> bool:
        """Tell whether the fault strikes now; ``at`` is "statement", or one of the two sides of a commit."""
        if at == "statement" and isinstance(self.fault, int):
            if self.fault > 0:
                self.fault -= 1
                return False
        elif self.fault != at:
            return False
        self.fault = None
        self.struck += 1
        return True


class _Interposed:
    """A connection that asks before each statement whether it is the last one."""

    def __init__(self, connection: Connection, faults: FaultyDatabase) -> None:
        self._connection = connection
        self._faults = faults

    def __getattr__(self, name: str) -> Any:
        found: Callable[..., Any] = getattr(self._connection, name)
        if name not in _COUNTED:
            return found

        async def counted(*values: Any, **options: Any) -> Any:
            if self._faults.due("statement"):
                self._connection.terminate()
            return await found(*values, **options)

        return counted

    def transaction(self) -> AbstractAsyncContextManager[None]:
        """See ``asyncpg.Connection``."""
        return self._transaction()

    @asynccontextmanager
    async def _transaction(self) -> AsyncIterator[None]:
        transaction = self._connection.transaction()
        await transaction.start()
        try:
            yield
        except BaseException:
            if not self._connection.is_closed():
                await transaction.rollback()
            raise
        if self._faults.due(BEFORE_COMMIT):
            self._connection.terminate()
        await transaction.commit()
        if self._faults.due(AFTER_COMMIT):
            self._connection.terminate()
            raise asyncpg.ConnectionDoesNotExistError("cut after the commit")
