"""PostgreSQL's binary COPY as columns of numbers: millions of rows a second, where rows are as wide as each other.

https://www.postgresql.org/docs/current/sql-copy.html, "Binary Format": 19 bytes of header; a row is the number of its
columns and, for each, its length and its bytes, all big-endian; a row of -1 columns ends it.
"""

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from typing import Any

import numpy as np
from numpy.typing import NDArray

from services.kernel.database import Connection

HEADER = 19
BLOCK = 2**21
# Instants are microseconds since 2000; "infinity" is the greatest number.
EPOCH = 946_684_800
MICROSECONDS = 1_000_000
INFINITY = 2**63 - 1
BIGINT, INTEGER = ">i8", ">i4"
Take = Callable[[NDArray[Any]], None]


class _Rows:
    """Cuts what arrives into whole rows and hands them on in large blocks, in a thread: the loop serves meanwhile."""

    def __init__(self, columns: Sequence[tuple[str, str]], take: Take, thread: Executor) -> None:
        fields = [("columns", ">i2")]
        for name, kind in columns:
            fields += [(f"{name} length", ">i4"), (name, kind)]
        self._row = np.dtype(fields)
        self._take = take
        self._thread = thread
        self._waiting = bytearray()
        self._skip = HEADER

    async def add(self, data: bytes) -> None:
        """Take the next bytes."""
        self._waiting += data
        if len(self._waiting) >= BLOCK:
            await self.flush()

    async def flush(self) -> None:
        """Hand on all whole rows; what is left at the very end is the trailer."""
        count = (len(self._waiting) - self._skip) // self._row.itemsize
        if count <= 0:
            return
        # A copy: a view would keep the bytes from being dropped.
        rows = np.frombuffer(bytes(self._waiting), self._row, count, self._skip)
        del self._waiting[: self._skip + count * self._row.itemsize]
        self._skip = 0
        await asyncio.get_running_loop().run_in_executor(self._thread, self._take, rows)


async def copied(
    connection: Connection, query: str, columns: Sequence[tuple[str, str]], take: Take, thread: Executor
) -> None:
    """Give ``take`` the rows of ``query``, block after block; ``columns`` are their names and kinds, none NULL."""
    rows = _Rows(columns, take, thread)
    await connection.copy_from_query(query, output=rows.add, format="binary")
    await rows.flush()


def seconds(column: NDArray[Any], base: int, *, up: bool = False) -> NDArray[np.int64]:
    """Return instants as whole seconds since ``base`` (Unix), rounded down or ``up``."""
    microseconds = column.astype(np.int64)
    whole = -(-microseconds // MICROSECONDS) if up else microseconds // MICROSECONDS
    return whole + (EPOCH - base)


def unix_microseconds(column: NDArray[Any]) -> NDArray[np.int64]:
    """Return instants as Unix microseconds, "infinity" as the greatest number."""
    microseconds = column.astype(np.int64)
    return np.where(microseconds == INFINITY, INFINITY, microseconds + (microseconds != INFINITY) * EPOCH * MICROSECONDS)
