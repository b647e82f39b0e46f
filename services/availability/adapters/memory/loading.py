"""Taken time of a whole health system into an index: blocks of rows in any order, put in their places at the end."""

from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from services.availability.adapters.memory.copying import (
    BIGINT,
    INFINITY,
    INTEGER,
    cells,
    seconds,
    unix_microseconds,
)
from services.availability.adapters.memory.exceptions import RESERVED, Exceptions, Taken
from services.availability.adapters.memory.index import SearchIndex
from services.availability.adapters.memory.rooms import Room
from services.availability.domain.templates import MAX_DEPTH

# Ids as numbers of 64 bits: sixteen thousand of them meet once in 10^11 times, and then the index is not built.
BUSY_COLUMNS = (
    ("who", BIGINT), ("where", BIGINT), ("starts", BIGINT), ("ends", BIGINT), ("expires", BIGINT), ("mark", INTEGER),
)  # fmt: skip
BUSY = f"""
    SELECT hashtextextended(clinician_id, 0),
        CASE room_id WHEN '' THEN 0 ELSE hashtextextended(room_id, hashtextextended(facility_id, 0)) END,
        starts_at, ends_at, coalesce(expires_at, 'infinity'),
        lane + CASE WHEN reserved_day IS NULL THEN 0 ELSE {RESERVED} END
    FROM busy WHERE live AND lane >= 0
"""  # noqa: S608 -- no values
Columns = tuple[NDArray[Any], ...]


class Places:
    """Finds a number by the hash of its id."""

    def __init__(self, hashes: dict[int, int]) -> None:
        self._hashes = np.array(sorted(hashes), np.int64)
        self._numbers = np.array([hashes[one] for one in sorted(hashes)], np.int64)

    def find(self, hashes: NDArray[Any]) -> NDArray[np.int64]:
        """Return the number of each, -1 where there is none."""
        if not len(self._hashes):
            return np.full(len(hashes), -1, np.int64)
        at = np.minimum(np.searchsorted(self._hashes, hashes), len(self._hashes) - 1)
        return np.where(self._hashes[at] == hashes, self._numbers[at], -1)


class TakenTime:
    """Loads rows of BUSY into ``index``; ``finish`` when the last block was taken."""

    def __init__(self, index: SearchIndex, clinicians: Places) -> None:
        self._index = index
        self._clinicians = clinicians
        self._exceptions: list[Columns] = []
        self._in_rooms: list[Columns] = []

    def take(self, block: NDArray[Any]) -> None:
        """Take a block of rows."""
        base, last = self._index.axis.base, self._index.axis.seconds
        starts, start_whole = cells(block["starts"], base)
        ends, end_whole = cells(block["ends"], base)
        mark, lasting = block["mark"].astype(np.int64), block["expires"] == INFINITY
        who = self._clinicians.find(block["who"].astype(np.int64))
        near = (ends >= 0) & (starts < last)
        counts = near & (who >= 0) & (mark % RESERVED < MAX_DEPTH)
        plain = counts & lasting & start_whole & end_whole & (mark < RESERVED)
        rows = self._rows(who[plain], mark[plain])
        self._index.lanes.take(rows, starts[plain], ends[plain])
        other = counts & ~plain
        self._exceptions.append((who[other], *_exactly(block[other], base), mark[other]))
        room = near & (block["where"] != 0)
        self._in_rooms.append((block["where"][room].astype(np.int64), *_exactly(block[room], base)))

    def _rows(self, who: NDArray[np.int64], lane: NDArray[np.int64]) -> NDArray[np.int64]:
        clinicians = self._index.clinicians
        new = np.flatnonzero(clinicians.rows[who, lane] == 0)
        for number, place in sorted(set(zip(who[new].tolist(), lane[new].tolist(), strict=True))):
            clinicians.row(number, place)
        return clinicians.rows[who, lane]

    def finish(self, rooms: dict[int, Room]) -> None:
        """Put what was kept apart in its places; ``rooms`` by the hash of their ids."""
        if self._exceptions:
            who, starts, ends, expires, marks = _together(self._exceptions)
            self._exceptions = []
            order = np.lexsort((starts, who))
            for number, part in _groups(who[order]):
                own = order[part]
                kept = self._index.exceptions[number] = Exceptions()
                kept.load(starts[own], ends[own], expires[own], marks[own])
        if self._in_rooms:
            where, starts, ends, expires = _together(self._in_rooms)
            self._in_rooms = []
            order = np.lexsort((starts, where))
            for name, part in _groups(where[order]):
                if (room := rooms.get(name)) is not None:
                    own = order[part]
                    _fill(room, starts[own], ends[own], expires[own])
        self._index.unread_rooms.clear()


def _exactly(block: NDArray[Any], base: int) -> Columns:
    """Return start, end and expiry of rows, widened to the second."""
    starts, ends = seconds(block["starts"], base), seconds(block["ends"], base, up=True)
    return starts.astype(np.int32), ends.astype(np.int32), unix_microseconds(block["expires"])


def _fill(room: Room, starts: NDArray[Any], ends: NDArray[Any], expires: NDArray[Any]) -> None:
    lasting, ending = expires == INFINITY, np.flatnonzero(expires != INFINITY)
    expiring = [Taken(int(starts[n]), int(ends[n]), int(expires[n])) for n in ending]
    room.load(starts[lasting], ends[lasting], expiring)


def _together(blocks: list[Columns]) -> Columns:
    return tuple(np.concatenate(column) for column in zip(*blocks, strict=True))


def _groups(ordered: NDArray[Any]) -> list[tuple[int, slice]]:
    """Return each different value of an ordered column with its stretch."""
    if not len(ordered):
        return []
    borders = [0, *(np.flatnonzero(np.diff(ordered)) + 1).tolist(), len(ordered)]
    return [(int(ordered[first]), slice(first, last)) for first, last in pairwise(borders)]
