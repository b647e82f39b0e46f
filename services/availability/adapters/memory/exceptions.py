"""Taken times that bits cannot say: those that end by themselves, those kept for urgent visits, those across cells.

A hold, a freed slot that is kept back and a place of the same-day reserve are free again at an instant that nobody
tells of; the question's own clock decides. They are few beside appointments, and are looked at one by one.
"""

from array import array
from bisect import bisect_left
from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

LONGEST = 8 * 3600
NEVER = 2**63 - 1
RESERVED = 64


class Taken(NamedTuple):
    """A taken time: seconds of the axis, when it ends by itself (Unix microseconds), lane, kept for urgent visits."""

    start: int
    end: int
    expires: int = NEVER
    lane: int = 0
    reserved: bool = False


class Exceptions:
    """One clinician's, in order of start; 17 bytes each."""

    __slots__ = ("_ends", "_expires", "_marks", "_starts")

    def __init__(self) -> None:
        self._starts = array("i")
        self._ends = array("i")
        self._expires = array("q")
        self._marks = array("B")

    @property
    def bytes(self) -> int:
        """Memory in bytes, without the interpreter's part."""
        return 17 * len(self._starts)

    def load(self, starts: NDArray[Any], ends: NDArray[Any], expires: NDArray[Any], marks: NDArray[Any]) -> None:
        """Take everything at once, in order of start; a mark is the lane, with RESERVED added to a kept place's."""
        self._starts = array("i", starts.astype(np.int32).tobytes())
        self._ends = array("i", ends.astype(np.int32).tobytes())
        self._expires = array("q", expires.astype(np.int64).tobytes())
        self._marks = array("B", marks.astype(np.uint8).tobytes())

    def replace(self, since: int, until: int, taken: Iterable[Taken]) -> None:
        """Make ``taken`` the only ones that begin from ``since`` to before ``until``."""
        first, last = bisect_left(self._starts, since), bisect_left(self._starts, until)
        new = sorted(taken)
        self._starts[first:last] = array("i", [one.start for one in new])
        self._ends[first:last] = array("i", [one.end for one in new])
        self._expires[first:last] = array("q", [one.expires for one in new])
        self._marks[first:last] = array("B", [one.lane | RESERVED * one.reserved for one in new])

    def block(self, lane: int, start: int, end: int, now: int, *, urgent: bool) -> bool:
        """Tell whether one of them is in the way of a visit on ``lane``; ``now`` in Unix microseconds."""
        for n in range(bisect_left(self._starts, start - LONGEST), bisect_left(self._starts, end)):
            if self._ends[n] > start and self._expires[n] > now:
                mark = self._marks[n]
                if mark % RESERVED == lane and not (urgent and mark >= RESERVED):
                    return True
        return False

    def opens(self, at: int) -> int | None:
        """Return when the places kept for urgent visits around an instant open, None where there is none."""
        near = range(bisect_left(self._starts, at - LONGEST), bisect_left(self._starts, at + 1))
        kept = [self._expires[n] for n in near if self._ends[n] > at and self._marks[n] >= RESERVED]
        return max(kept, default=None)
