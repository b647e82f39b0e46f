"""What stands in a room when: any number of appointments may, and a session says how many it bears."""

from array import array
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from services.availability.adapters.memory.exceptions import LONGEST, NEVER, Taken

_MOST = 2**16 - 1


class Room:
    """One room's taken times in order of start: 6 bytes each, and apart those that end by themselves."""

    __slots__ = ("_expiring", "_lengths", "_starts")

    def __init__(self) -> None:
        self._starts = array("i")
        self._lengths = array("H")
        self._expiring: list[Taken] = []

    @property
    def bytes(self) -> int:
        """Memory in bytes, without the interpreter's part."""
        return 6 * len(self._starts) + 64 * len(self._expiring)

    def load(self, starts: NDArray[Any], ends: NDArray[Any], expiring: Sequence[Taken]) -> None:
        """Take everything at once, in order of start."""
        self._starts = array("i", starts.astype(np.int32).tobytes())
        self._lengths = array("H", np.minimum(ends - starts, _MOST).astype(np.uint16).tobytes())
        self._expiring = list(expiring)

    def replace(self, since: int, until: int, taken: Iterable[Taken]) -> None:
        """Make ``taken`` the only ones that begin from ``since`` to before ``until``."""
        first, last = bisect_left(self._starts, since), bisect_left(self._starts, until)
        new = sorted(taken)
        lasting = [one for one in new if one.expires == NEVER]
        self._starts[first:last] = array("i", [one.start for one in lasting])
        # Longer than the longest appointment is all the same: see `count`.
        self._lengths[first:last] = array("H", [min(one.end - one.start, _MOST) for one in lasting])
        kept = [one for one in self._expiring if not since <= one.start < until]
        self._expiring = kept + [one for one in new if one.expires != NEVER]

    def count(self, start: int, end: int, now: int) -> int:
        """Return how many overlap a visit; ``now`` in Unix microseconds. None is longer than LONGEST."""
        near = range(bisect_left(self._starts, start - LONGEST + 1), bisect_left(self._starts, end))
        lasting = sum(self._starts[n] + self._lengths[n] > start for n in near)
        return lasting + sum(
            start - LONGEST < one.start < end and one.end > start and one.expires > now for one in self._expiring
        )
