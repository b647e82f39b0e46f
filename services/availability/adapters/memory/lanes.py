"""Who is taken when, in bits: one row for each clinician and lane, one bit for each cell of five minutes.

Only times that fill whole cells are kept here, so that a bit never says more or less than the truth: a visit overlaps
such a time exactly when it touches one of its cells, wherever the visit itself begins. Everything else is an exception
(see exceptions.py).
"""

import numpy as np
from numpy.typing import NDArray

from services.availability.adapters.memory.axis import CELL, CELLS_A_DAY

Numbers = NDArray[np.int64]
Flags = NDArray[np.bool_]
WORD = 64
ONE = np.uint64(1)
# Nobody is ever taken in this row; lanes without a row of their own are read from it.
FREE = 0


class Lanes:
    """Rows of cells; a row's words are followed by a spare one, so that reading two neighbours never leaves the row."""

    def __init__(self, days: int, rows: int) -> None:
        self._end = days * CELLS_A_DAY
        self._words = -(-self._end // WORD) + 1
        self._cells = np.zeros((rows + 1, self._words), np.uint64)
        self._used = 1

    @property
    def bytes(self) -> int:
        """Memory in bytes."""
        return self._cells.nbytes

    @staticmethod
    def bytes_for(days: int, rows: int) -> int:
        """Return how much memory an index of this size will take for its cells."""
        return (rows + 1) * (-(-days * CELLS_A_DAY // WORD) + 1) * 8

    def new_row(self) -> int:
        """Return a row that is free everywhere."""
        if self._used == len(self._cells):
            more = np.zeros((max(16, self._used // 16), self._words), np.uint64)
            self._cells = np.concatenate((self._cells, more))
        self._used += 1
        return self._used - 1

    def take(self, rows: Numbers, starts: Numbers, ends: Numbers) -> None:
        """Mark times as taken; they begin and end with cells."""
        first = np.clip(starts // CELL, 0, self._end)
        last = np.clip(ends // CELL, 0, self._end)
        flat = self._cells.reshape(-1)
        while len(rows):
            word, shift = rows * self._words + first // WORD, first % WORD
            count = np.minimum(last - first, WORD - shift)
            np.bitwise_or.at(flat, word, _mask(count) << shift.astype(np.uint64))
            first = first + count
            more = first < last
            rows, first, last = rows[more], first[more], last[more]

    def clear(self, row: int, start: int, end: int) -> None:
        """Mark the cells of ``row`` from ``start`` to ``end`` (seconds, whole days) as free."""
        first, last = start // CELL, min(end // CELL, self._end)
        while first < last:
            word, shift = divmod(first, WORD)
            count = min(last - first, WORD - shift)
            self._cells[row, word] &= np.uint64(~(((1 << count) - 1) << shift) & (2**WORD - 1))
            first += count

    def free(self, rows: Numbers, starts: Numbers, ends: Numbers) -> Flags:
        """Tell for each time whether no cell that it touches is taken."""
        first, last = starts // CELL, -(-ends // CELL)
        flat = self._cells.reshape(-1)
        found = self._free(flat, rows, first, last)
        # Visits of more than five hours are rare: they are read in pieces.
        for done in range(WORD, int((last - first).max(initial=0)), WORD):
            long = np.flatnonzero(last - first > done)
            found[long] &= self._free(flat, rows[long], first[long] + done, last[long])
        return found

    def _free(self, flat: NDArray[np.uint64], rows: Numbers, first: Numbers, last: Numbers) -> Flags:
        word, shift = rows * self._words + first // WORD, (first % WORD).astype(np.uint64)
        mask = _mask(np.minimum(last - first, WORD))
        # Shifting by 64 is undefined, so the upper part goes in two steps.
        cells = (flat[word] >> shift) | ((flat[word + 1] << (np.uint64(WORD - 1) - shift)) << ONE)
        found: Flags = (cells & mask) == 0
        return found


def _mask(count: Numbers) -> NDArray[np.uint64]:
    """Return for each count that many ones, 0 to 64."""
    return _MASKS[count]


_MASKS = np.array([(1 << count) - 1 for count in range(WORD + 1)], np.uint64)
