"""The first open slots, from an index: the same answer as SQL's, in the same order.

Candidates are worked out from sessions, a stretch of time after the other, a lane each; bits say at once which of them
are free. They are put in order by one number (start, distance, clinician), and only the first of them are looked at one
by one, for what bits cannot say.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from services.availability.adapters.memory.axis import DAY, Axis
from services.availability.adapters.memory.index import SearchIndex
from services.availability.adapters.memory.lanes import Flags, Numbers
from services.availability.adapters.memory.sessions import (
    ANCHOR,
    END,
    LONGEST_SESSION,
    PROFILE,
    START,
    Profile,
    Specialty,
    Table,
)
from services.availability.domain.slots import OpenSlot, SlotQuery
from services.contracts.slot_offer import slot_id

# About so many sessions are worth looking at at once; later stretches are twice as long each.
SESSIONS_AT_ONCE = 200
SHORTEST, LONGEST = 1800, 8 * DAY
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class BeforeIndex(Exception):
    """The query begins before the index's first day."""


@dataclass(frozen=True, slots=True)
class _Candidates:
    """Free starts, a session and lane each; ``keys`` put them in order."""

    keys: Numbers
    profiles: Numbers
    lanes: Numbers
    starts: Numbers


def first(index: SearchIndex, query: SlotQuery, limit: int, now: datetime) -> Sequence[OpenSlot]:
    """Return the first ``limit`` open slots by OpenSlot.rank; raise BeforeIndex for a time before the index."""
    if index.axis.floor(query.starts_at) < 0:
        raise BeforeIndex
    specialty = index.specialties.get(query.specialty)
    if specialty is None or not specialty.profiles:
        return []
    search = _Search(index, specialty, query, now)
    found: list[OpenSlot] = []
    for start, stop in search.stretches():
        found += search.within(start, stop, limit - len(found))
        if len(found) >= limit:
            break
    return found[:limit]


class _Search:
    """One query over one specialty."""

    def __init__(self, index: SearchIndex, specialty: Specialty, query: SlotQuery, now: datetime) -> None:
        self._index = index
        self._specialty = specialty
        self._query = query
        self._now = (now - _EPOCH) // timedelta(microseconds=1)
        columns = specialty.columns()
        self._clinicians, facilities = columns["clinician"], columns["facility"]
        self._grids, self._depths = columns["grid"], columns["depth"]
        self._near, self._distance_of = _near(index, query)
        # Distances by their order: the numbers themselves would not fit into a key.
        self._nearness = self._near[facilities]
        self._lengths = index.clinicians.seconds(self._clinicians, query.visit_type, query.minutes)
        self._wanted = self._who(columns["kind"]) & (self._nearness >= 0)
        self._since, self._until = _bounds(index, query, facilities)
        self._places = max(1, len(self._distance_of))
        self._by_day: dict[int, Table] = {}

    def _who(self, kinds: Numbers) -> Flags:
        clinicians, query = self._index.clinicians, self._query
        allowed = np.array([not kind or query.visit_type in kind for kind in self._specialty.kinds], np.bool_)
        wanted: Flags = clinicians.known[self._clinicians] & allowed[kinds]
        if query.clinician_ids:
            chosen = np.zeros(len(clinicians.known), np.bool_)
            chosen[[clinicians.number[name] for name in query.clinician_ids if name in clinicians.number]] = True
            wanted &= chosen[self._clinicians]
        if query.language:
            wanted &= clinicians.who_speak(self._clinicians, query.language)
        return wanted

    def stretches(self) -> Iterator[tuple[int, int]]:
        """Yield the window in stretches that are twice as long each; nothing when nobody is wanted."""
        axis, many = self._index.axis, int(np.count_nonzero(self._wanted))
        if not many:
            return
        start, end = axis.ceiling(self._query.starts_at), min(axis.ceiling(self._query.ends_at), axis.seconds)
        step = max(SHORTEST, DAY * SESSIONS_AT_ONCE // max(many, SESSIONS_AT_ONCE))
        while start < end:
            yield start, min(end, start + step)
            start, step = start + step, min(2 * step, LONGEST)

    def _day(self, day: int) -> Table:
        """Return the wanted sessions of a day."""
        if (table := self._by_day.get(day)) is None:
            table = self._specialty.day(day)
            table = self._by_day[day] = table[:, self._wanted[table[PROFILE]]]
        return table

    def within(self, start: int, stop: int, limit: int) -> list[OpenSlot]:
        """Return the first ``limit`` slots that begin from ``start`` to before ``stop``, or a few more, in order."""
        days = range((start - LONGEST_SESSION) // DAY, (stop - 1) // DAY + 1)
        sessions = np.concatenate([self._day(day) for day in days], axis=1)
        candidates = self._free(sessions[:, sessions[END] > start].astype(np.int64), start, stop)
        found: list[OpenSlot] = []
        best: dict[tuple[int, int, int], Profile] = {}
        last = -1
        for n in _ascending(candidates.keys, 4 * limit):
            key = int(candidates.keys[n])
            if key != last:
                if len(best) >= limit:
                    break
                last = key
            number, at = int(candidates.profiles[n]), int(candidates.starts[n])
            profile = self._specialty.profiles[number]
            place = at, profile.facility, profile.clinician
            rival = best.get(place)
            if rival is not None and (-rival.depth, rival.template_id) <= (-profile.depth, profile.template_id):
                continue
            if self._open(number, int(candidates.lanes[n]), at):
                best[place] = profile
        found = [self._slot(at, profile) for (at, _, _), profile in best.items()]
        return sorted(found, key=lambda slot: slot.rank)

    def _free(self, sessions: Numbers, start: int, stop: int) -> _Candidates:
        """Return the candidates of ``sessions`` that no whole cell is in the way of."""
        profiles = sessions[PROFILE]
        grids, lengths, anchors = self._grids[profiles], self._lengths[profiles], sessions[ANCHOR]
        earliest = np.maximum(np.maximum(sessions[START], self._since[profiles]), start)
        latest = np.minimum(np.minimum(sessions[END] - lengths, self._until[profiles] - 1), stop - 1)
        begins = anchors - (anchors - earliest) // grids * grids
        counts = np.maximum((latest - begins) // grids + 1, 0)
        lanes = self._depths[profiles]
        # One row for each session, start and lane.
        each = np.repeat(np.arange(len(profiles)), counts * lanes)
        step = _count_up(counts * lanes)
        lane, starts = step % lanes[each], begins[each] + step // lanes[each] * grids[each]
        profile = profiles[each]
        rows = self._index.clinicians.rows[self._clinicians[profile], lane]
        free = np.flatnonzero(self._index.lanes.free(rows, starts, starts + lengths[each]))
        profile, lane, starts = profile[free], lane[free], starts[free]
        order = self._index.clinicians.order()
        keys = (starts - start) * self._places + self._nearness[profile]
        return _Candidates(keys * len(order) + order[self._clinicians[profile]], profile, lane, starts)

    def _open(self, number: int, lane: int, start: int) -> bool:
        """Look at what bits do not say: times that end by themselves or lie across cells, and the room."""
        profile, end = self._specialty.profiles[number], start + int(self._lengths[number])
        taken = self._index.exceptions.get(profile.clinician)
        if taken is not None and taken.block(lane, start, end, self._now, urgent=self._query.urgent):
            return False
        room = self._specialty.rooms[number]
        return room is None or room.count(start, end, self._now) < profile.depth

    def _slot(self, start: int, profile: Profile) -> OpenSlot:
        query, axis = self._query, self._index.axis
        record, facility = (
            self._index.clinicians.records[profile.clinician],
            self._index.facilities.records[profile.facility],
        )
        assert record is not None, "only known ones are wanted"
        assert record.version is not None, "nobody is known without a schedule"
        assert facility is not None, "only known ones are wanted"
        clinician, length = record.clinician, record.lengths.get(query.visit_type, query.minutes)
        starts_at = axis.instant(start)
        name = slot_id(clinician.clinician_id, facility.facility_id, query.visit_type, starts_at, length)
        return OpenSlot(
            slot_id=name, clinician_id=clinician.clinician_id, clinician_name=clinician.name,
            facility_id=facility.facility_id, facility_name=facility.name, timezone=facility.timezone,
            specialty=query.specialty, visit_type=query.visit_type, starts_at=starts_at,
            ends_at=starts_at + timedelta(minutes=length), room_id=profile.room_id, depth=profile.depth,
            schedule_version=record.version,
            distance_km=None if query.distances is None else query.distances[facility.facility_id],
        )  # fmt: skip


def _near(index: SearchIndex, query: SlotQuery) -> tuple[Numbers, list[float]]:
    """Return for each facility the place of its distance among the different ones, -1 where it is not wanted."""
    facilities = index.facilities
    if query.distances is None:
        return facilities.known.astype(np.int64) - 1, [0.0]
    numbers = {facilities.number[name]: km or 0.0 for name, km in query.distances.items() if name in facilities.number}
    different = sorted(set(numbers.values()))
    places = {km: n for n, km in enumerate(different)}
    near = np.full(len(facilities.known), -1, np.int64)
    for number, km in numbers.items():
        if facilities.known[number]:
            near[number] = places[km]
    return near, different


def _bounds(index: SearchIndex, query: SlotQuery, facilities: Numbers) -> tuple[Numbers, Numbers]:
    """Return for each profile from when and to before when a visit may begin by the local days asked for."""
    zones = index.facilities.zones or ["UTC"]
    since, until = np.zeros(len(zones), np.int64), np.full(len(zones), index.axis.seconds, np.int64)
    if query.first_day is not None:
        since[:] = [_midnight(index.axis, zone, query.first_day) for zone in zones]
    if query.last_day is not None:
        until[:] = [_midnight(index.axis, zone, query.last_day + timedelta(days=1)) for zone in zones]
    zone = index.facilities.zone[facilities]
    return since[zone], until[zone]


@lru_cache(maxsize=4096)
def _midnight(axis: Axis, zone: str, day: date) -> int:
    """Return when ``day`` begins there, as PostgreSQL reads it where clocks change at midnight: in a gap by the offset
    before it, of two midnights the later.
    """
    naive = datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(zone))
    later = naive.replace(fold=1)
    before, after = naive.utcoffset(), later.utcoffset()
    assert before is not None
    assert after is not None
    return axis.floor(later if before > after else naive)


def _count_up(counts: Numbers) -> Numbers:
    """Return 0, 1, ... for each of ``counts``, one after the other."""
    ends = np.cumsum(counts)
    total = int(ends[-1]) if len(ends) else 0
    result: NDArray[np.int64] = np.arange(total) - np.repeat(ends - counts, counts)
    return result


def _ascending(keys: Numbers, probably: int) -> Iterator[int]:
    """Yield positions by key; only as many as are probably needed are sorted at first."""
    rest = np.arange(len(keys))
    if len(keys) > 2 * probably:
        border = np.partition(keys, probably)[probably]
        head = np.flatnonzero(keys <= border)
        yield from head[np.argsort(keys[head], kind="stable")].tolist()
        rest = np.flatnonzero(keys > border)
    yield from rest[np.argsort(keys[rest], kind="stable")].tolist()
