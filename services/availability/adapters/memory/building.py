"""An index from nothing: everything is read by binary COPY while searches go on in SQL.

The cursor of changes is taken before the first row is read. What changes meanwhile may be read or not; it stands after
the cursor, and is read again.
"""

import asyncio
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import asyncpg
import numpy as np
from numpy.typing import NDArray

from services.availability.adapters.memory.axis import DAY, Axis
from services.availability.adapters.memory.copying import BIGINT, ROW_ADDRESS, copied, seconds
from services.availability.adapters.memory.index import SearchIndex
from services.availability.adapters.memory.lanes import Lanes
from services.availability.adapters.memory.loading import BUSY, BUSY_COLUMNS, Places, TakenTime
from services.availability.adapters.memory.records import ClinicianRecord
from services.availability.adapters.memory.sessions import Profile
from services.availability.adapters.postgres_directory import clinician_of, facility_of
from services.availability.domain.directory import VisitType
from services.kernel.database import Connection, Database
from services.kernel.garbage import undisturbed

# A day before today's is the furthest that a local day can lie back; one more for sessions that began before.
BEFORE = timedelta(days=2)
# Working time grows by a day each day: an index is outgrown after about so many, and built anew.
SPARE_DAYS = 8
AT_ONCE = 2
PATIENCE = "SET statement_timeout = '120s'"
PROFILE = "clinician_id, template_id, facility_id, room_id, specialty, grid_minutes, depth, visit_types"
SESSIONS = f"""
    SELECT hash_record_extended(ROW({PROFILE}), 0), starts_at, ends_at, anchor_at, ctid FROM working_session
"""  # noqa: S608 -- no values
SESSION_COLUMNS = (
    ("profile", BIGINT), ("starts", BIGINT), ("ends", BIGINT), ("anchor", BIGINT), ("row", ROW_ADDRESS),
)  # fmt: skip
PROFILES = f"""
    SELECT {PROFILE}, hash_record_extended(ROW({PROFILE}), 0) AS hash,
        hashtextextended(room_id, hashtextextended(facility_id, 0)) AS room
    FROM working_session WHERE ctid = ANY($1::text[]::tid[])
"""  # noqa: S608 -- no values
CURSOR = "SELECT pg_snapshot_xmin(pg_current_snapshot())::text"
CLINICIANS = """
    SELECT c.*, s.version AS schedule_version, hashtextextended(c.clinician_id, 0) AS hash, l.lengths
    FROM clinician c LEFT JOIN schedule s USING (clinician_id) LEFT JOIN (
        SELECT clinician_id, jsonb_object_agg(visit_type, minutes) AS lengths FROM visit_length GROUP BY 1
    ) l USING (clinician_id)
"""


class TooLarge(Exception):
    """The index would take more memory than it may."""


@dataclass(frozen=True, slots=True)
class Built:
    """An index and the cursor from which changes have to be read into it."""

    index: SearchIndex
    cursor: tuple[int, int]


async def build(database: Database, now: datetime, most_bytes: int) -> Built:
    """Read everything; raise TooLarge when it takes more than ``most_bytes``."""
    with undisturbed():
        return await _build(database, now, most_bytes)


async def _build(database: Database, now: datetime, most_bytes: int) -> Built:
    async with database.connection() as connection:
        cursor = int(await connection.fetchval(CURSOR)), 0
        axis = await _axis(connection, now)
        clinicians = await connection.fetch(CLINICIANS)
        if Lanes.bytes_for(axis.days, len(clinicians)) > most_bytes:
            raise TooLarge
        index = SearchIndex(axis, len(clinicians))
        for row in await connection.fetch("SELECT * FROM facility"):
            index.facilities.put(row["facility_id"], facility_of(row))
        for row in await connection.fetch("SELECT * FROM visit_type"):
            index.visit_types[row["visit_type"]] = VisitType(**row)
        for row in clinicians:
            index.clinicians.put(row["clinician_id"], clinician_record(row))
        blocks = int(await connection.fetchval("SELECT pg_relation_size('busy') / current_setting('block_size')::int"))
    hashes = {row["hash"]: index.clinicians.number[row["clinician_id"]] for row in clinicians}
    taken = TakenTime(index, Places(hashes))
    borders = [blocks * part // AT_ONCE for part in range(AT_ONCE)]
    with ThreadPoolExecutor(1, thread_name_prefix="search-index") as thread:

        async def busy(first: int, last: int | None) -> None:
            end = f" AND ctid < '({last},0)'::tid" if last is not None else ""
            async with database.connection() as connection:
                await connection.execute(PATIENCE)
                query = f"{BUSY} AND ctid >= '({first},0)'::tid{end}"
                await copied(connection, query, BUSY_COLUMNS, taken.take, thread)

        parts = (busy(first, last) for first, last in zip(borders, [*borders[1:], None], strict=True))
        rooms, _ = await asyncio.gather(_sessions(database, index, thread), asyncio.gather(*parts))
        named = {hashed: index.room(*names) for hashed, names in rooms.items()}
        await asyncio.get_running_loop().run_in_executor(thread, taken.finish, named)
    if len(hashes) < len(clinicians) or index.bytes > most_bytes:
        raise TooLarge
    return Built(index, cursor)


async def _axis(connection: Connection, now: datetime) -> Axis:
    first = (now - BEFORE).date()
    last = await connection.fetchval("SELECT max(ends_at) FROM working_session")
    days = (last.date() - first).days + 1 if last is not None else 0
    return Axis.over(first, max(days, 0) + SPARE_DAYS)


async def _sessions(
    database: Database, index: SearchIndex, thread: ThreadPoolExecutor
) -> Mapping[int, tuple[str, str]]:
    """Read working time; return the rooms there are by the hash of their names."""
    blocks: list[NDArray[Any]] = []
    async with database.connection() as connection:
        await connection.execute(PATIENCE)
        # One snapshot for both, or the row that tells of a profile might be gone.
        async with connection.transaction(isolation="repeatable_read", readonly=True):
            await copied(connection, SESSIONS, SESSION_COLUMNS, blocks.append, thread)
            rows = await connection.fetch(PROFILES, _one_of_each(blocks))
    names = sorted({row["specialty"] for row in rows})
    hashes = {row["hash"]: n for n, row in enumerate(rows)}
    numbers = [index.profile(row["specialty"], profile_of(index, row), row["facility_id"]) for row in rows]
    specialty = np.array([names.index(row["specialty"]) for row in rows], np.int64)
    await asyncio.get_running_loop().run_in_executor(
        thread, _place, index, blocks, Places(hashes), (names, specialty, np.array(numbers, np.int64))
    )
    return {row["room"]: (row["facility_id"], row["room_id"]) for row in rows if row["room_id"]}


def _one_of_each(blocks: Sequence[NDArray[Any]]) -> list[str]:
    """Return the address of one row of each profile."""
    if not blocks:
        return []
    rows = np.concatenate(blocks)
    chosen = rows["row"][np.unique(rows["profile"], return_index=True)[1]]
    return [f"({block},{line})" for block, line in chosen.tolist()]


def _place(
    index: SearchIndex,
    blocks: Sequence[NDArray[Any]],
    profiles: Places,
    known: tuple[Sequence[str], NDArray[np.int64], NDArray[np.int64]],
) -> None:
    """Put sessions in their specialty and day; those of a profile that came later are read with the changes."""
    if not blocks:
        return
    names, specialty, numbers = known
    rows = np.concatenate(blocks)
    base = index.axis.base
    found = profiles.find(rows["profile"].astype(np.int64))
    starts, ends = seconds(rows["starts"], base, up=True), seconds(rows["ends"], base)
    here = np.flatnonzero((found >= 0) & (ends > 0) & (ends <= index.axis.seconds) & (starts > -DAY * SPARE_DAYS))
    found, starts, ends = found[here], starts[here], ends[here]
    table = np.stack((starts, ends, seconds(rows["anchor"][here], base), numbers[found])).astype(np.int32)
    whose = specialty[found]
    for n, name in enumerate(names):
        index.specialties[name].load(table[:, whose == n])


def profile_of(index: SearchIndex, row: asyncpg.Record) -> Profile:
    """Return the profile of a session's row."""
    return Profile(
        index.clinicians.of(row["clinician_id"]), index.facilities.of(row["facility_id"]), row["template_id"],
        row["room_id"], row["grid_minutes"] * 60, row["depth"], tuple(row["visit_types"]),
    )  # fmt: skip


def clinician_record(row: asyncpg.Record) -> ClinicianRecord:
    """Return what a row of CLINICIANS tells."""
    return ClinicianRecord(clinician_of(row), row["schedule_version"], row["lengths"] or {})
