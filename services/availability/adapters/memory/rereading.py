"""What changed is read again from PostgreSQL and put in its place: the one way in which an index stays fresh.

A change says which clinician's or room's days are touched; what they hold now is what counts. Days are read a few
hundred at a time, so that searches go on between.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import islice
from typing import TypeVar

import asyncpg

from services.availability.adapters.memory.axis import DAY, Axis, Outgrown
from services.availability.adapters.memory.building import CLINICIANS, PROFILE, clinician_record, profile_of
from services.availability.adapters.memory.exceptions import NEVER, Taken
from services.availability.adapters.memory.index import SearchIndex
from services.availability.adapters.memory.sessions import Session
from services.availability.adapters.postgres_directory import facility_of
from services.availability.domain.directory import VisitType
from services.kernel.database import Connection

Day = TypeVar("Day", tuple[str, int], tuple[str, str, int])
BATCH = 250
LONGEST_APPOINTMENT = "8 hours"
_MICROSECOND = timedelta(microseconds=1)
_EPOCH = datetime.fromisoformat("1970-01-01T00:00:00+00:00")
_SOME_CLINICIANS = f"{CLINICIANS} WHERE c.clinician_id = ANY($1)"
_FACILITIES = "SELECT * FROM facility WHERE facility_id = ANY($1)"
_VISIT_TYPES = "SELECT * FROM visit_type WHERE visit_type = ANY($1)"
_TIMES = "starts_at, ends_at, lane, expires_at, reserved_day IS NOT NULL AS reserved"
_BUSY = f"""
    SELECT r.n, b.* FROM unnest($1::text[], $2::timestamptz[], $3::timestamptz[]) WITH ORDINALITY
        AS r (clinician_id, since, until, n)
    CROSS JOIN LATERAL (
        SELECT {_TIMES} FROM busy WHERE live AND lane >= 0 AND clinician_id = r.clinician_id AND ends_at > r.since
            AND starts_at < r.until AND starts_at > r.since - interval '{LONGEST_APPOINTMENT}'
    ) AS b
"""  # noqa: S608 -- no values
_IN_ROOMS = f"""
    SELECT r.n, b.* FROM unnest($1::text[], $2::text[], $3::timestamptz[], $4::timestamptz[]) WITH ORDINALITY
        AS r (facility_id, room_id, since, until, n)
    CROSS JOIN LATERAL (
        SELECT {_TIMES} FROM busy WHERE live AND room_id <> '' AND facility_id = r.facility_id
            AND room_id = r.room_id AND starts_at >= r.since AND starts_at < r.until
    ) AS b
"""  # noqa: S608 -- no values
_WORKING = f"""
    SELECT r.n, s.* FROM unnest($1::text[], $2::timestamptz[], $3::timestamptz[]) WITH ORDINALITY
        AS r (clinician_id, since, until, n)
    CROSS JOIN LATERAL (
        SELECT {PROFILE}, starts_at, ends_at, anchor_at FROM working_session
        WHERE clinician_id = r.clinician_id AND starts_at >= r.since AND starts_at < r.until
    ) AS s
"""  # noqa: S608 -- no values


@dataclass(slots=True)
class Touched:
    """Days of an index that something happened to."""

    facilities: set[str] = field(default_factory=set)
    clinicians: set[str] = field(default_factory=set)
    visit_types: set[str] = field(default_factory=set)
    working: set[tuple[str, int]] = field(default_factory=set)
    busy: set[tuple[str, int]] = field(default_factory=set)
    rooms: set[tuple[str, str, int]] = field(default_factory=set)

    def add(self, axis: Axis, change: asyncpg.Record) -> None:
        """Add what a row of search_change tells; raise Outgrown for working time after the last day."""
        kind, about = change["kind"], change["about"]
        if kind == "facility":
            self.facilities.add(about)
        elif kind == "clinician":
            self.clinicians.add(about)
        elif kind == "visit-type":
            self.visit_types.add(about)
        else:
            end = axis.ceiling(change["ends_at"])
            if kind == "working" and end > axis.seconds:
                raise Outgrown
            first, last = max(axis.floor(change["starts_at"]) // DAY, 0), min((end - 1) // DAY, axis.days - 1)
            for day in range(first, last + 1):
                if kind == "room":
                    self.rooms.add((about, change["room_id"], day))
                else:
                    (self.working if kind == "working" else self.busy).add((about, day))


async def reread(connection: Connection, index: SearchIndex, touched: Touched) -> None:
    """Bring ``index`` up to date where it was touched; raise Outgrown when it has too few days."""
    await _records(connection, index, touched)
    for days in _batches(sorted(touched.working)):
        await _working(connection, index, days)
    whole = range(index.axis.days)
    touched.rooms |= {(*room, day) for room in index.unread_rooms for day in whole}
    index.unread_rooms.clear()
    for days in _batches(sorted(touched.busy)):
        rows = await connection.fetch(_BUSY, *_columns(index.axis, days))
        for (clinician_id, day), own in _by_day(days, rows):
            index.put_taken(clinician_id, day, day, [_taken(index.axis, row) for row in own])
    for places in _batches(sorted(touched.rooms)):
        since = [index.axis.instant(day * DAY) for _, _, day in places]
        until = [one + timedelta(days=1) for one in since]
        rows = await connection.fetch(_IN_ROOMS, [one[0] for one in places], [one[1] for one in places], since, until)
        for (facility_id, room_id, day), own in _by_day(places, rows):
            index.put_in_room(facility_id, room_id, day, day, [_taken(index.axis, row) for row in own])


async def _records(connection: Connection, index: SearchIndex, touched: Touched) -> None:
    found = {row["facility_id"]: row for row in await _some(connection, _FACILITIES, touched.facilities)}
    for name in touched.facilities:
        index.facilities.put(name, facility_of(found[name]) if name in found else None)
    kinds = {row["visit_type"]: VisitType(**row) for row in await _some(connection, _VISIT_TYPES, touched.visit_types)}
    for name in touched.visit_types - kinds.keys():
        index.visit_types.pop(name, None)
    index.visit_types |= kinds
    kept = {row["clinician_id"]: row for row in await _some(connection, _SOME_CLINICIANS, touched.clinicians)}
    for name in touched.clinicians:
        if name not in index.clinicians.number:
            # Appointments may have been told before their clinician was.
            touched.busy |= {(name, day) for day in range(index.axis.days)}
        index.clinicians.put(name, clinician_record(kept[name]) if name in kept else None)


async def _some(connection: Connection, query: str, names: Iterable[str]) -> Sequence[asyncpg.Record]:
    wanted = list(names)
    return await connection.fetch(query, wanted) if wanted else []


async def _working(connection: Connection, index: SearchIndex, days: Sequence[tuple[str, int]]) -> None:
    axis = index.axis
    rows = await connection.fetch(_WORKING, *_columns(axis, days))
    for (clinician_id, day), own in _by_day(days, rows):
        sessions = [
            (
                row["specialty"],
                row["facility_id"],
                Session(
                    axis.ceiling(row["starts_at"]), axis.floor(row["ends_at"]), axis.floor(row["anchor_at"]),
                    profile_of(index, row),
                ),
            )
            for row in own
        ]  # fmt: skip
        index.put_sessions(clinician_id, day, day, sessions)


def _columns(axis: Axis, days: Sequence[tuple[str, int]]) -> tuple[list[str], list[datetime], list[datetime]]:
    since = [axis.instant(day * DAY) for _, day in days]
    return [name for name, _ in days], since, [one + timedelta(days=1) for one in since]


def _taken(axis: Axis, row: asyncpg.Record) -> Taken:
    expires = row["expires_at"]
    ends = NEVER if expires is None else (expires - _EPOCH) // _MICROSECOND
    return Taken(axis.floor(row["starts_at"]), axis.ceiling(row["ends_at"]), ends, row["lane"], row["reserved"])


def _by_day(days: Sequence[Day], rows: Sequence[asyncpg.Record]) -> Iterable[tuple[Day, Sequence[asyncpg.Record]]]:
    """Return each day with the rows that were found for it."""
    found: defaultdict[int, list[asyncpg.Record]] = defaultdict(list)
    for row in rows:
        found[row["n"]].append(row)
    return [(day, found[number]) for number, day in enumerate(days, 1)]


def _batches(ordered: Sequence[Day]) -> Iterable[Sequence[Day]]:
    days = iter(ordered)
    while batch := list(islice(days, BATCH)):
        yield batch
