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

from services.availability.adapters.memory.axis import CELL
from services.kernel.database import Connection

HEADER = 19
BLOCK = 2**21
# Instants are microseconds since 2000; "infinity" is the greatest number.
EPOCH = 946_684_800
MICROSECONDS = 1_000_000
INFINITY = 2**63 - 1
BIGINT, INTEGER, ROW_ADDRESS = ">i8", ">i4", [("block", ">u4"), ("line", ">u2")]
Kind = str | list[tuple[str, str]]
Take = Callable[[NDArray[Any]], None]


class _Rows:
    """Cuts what arrives into whole rows and hands them on in large blocks, in a thread: the loop serves meanwhile."""

    def __init__(self, columns: Sequence[tuple[str, Kind]], take: Take, thread: Executor) -> None:
        fields: list[tuple[str, Kind]] = [("columns", ">i2")]
        for name, kind in columns:
            fields += [(f"{name} length", ">i4"), (name, kind)]
        self._row = np.dtype(fields)
        self._take = take
        self._thread = thread
        self._waiting: list[bytes] = []
        self._size = 0
        self._skip = HEADER

    async def add(self, data: bytes) -> None:
        """Take the next bytes."""
        self._waiting.append(data)
        self._size += len(data)
        if self._size >= BLOCK:
            await self.flush()

    async def flush(self) -> None:
        """Hand on all whole rows; what is left at the very end is the trailer."""
        data = b"".join(self._waiting)
        count = max(0, len(data) - self._skip) // self._row.itemsize
        end = self._skip + count * self._row.itemsize
        if count:
            rows = np.frombuffer(data, self._row, count, self._skip)
            self._skip = 0
            self._waiting, self._size = [data[end:]], len(data) - end
            await asyncio.get_running_loop().run_in_executor(self._thread, self._take, rows)


async def copied(
    connection: Connection, query: str, columns: Sequence[tuple[str, Kind]], take: Take, thread: Executor
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
    finite = microseconds != INFINITY
    microseconds[finite] += EPOCH * MICROSECONDS
    return microseconds


def cells(column: NDArray[Any], base: int) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Return instants as seconds since ``base``, rounded down to whole cells, and whether nothing was rounded."""
    microseconds = column.astype(np.int64)
    whole = microseconds // (CELL * MICROSECONDS)
    return whole * CELL + (EPOCH - base), whole * (CELL * MICROSECONDS) == microseconds
