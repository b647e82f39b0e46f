"""The directory's records in PostgreSQL: one transaction a unit of work, events and audit entries in it."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any

from services.directory.adapters.tables import (
    TABLES,
    insert,
    select,
    select_all,
    select_known,
    select_many,
    select_matching,
    select_page,
    update,
    upsert_many,
)
from services.directory.domain.interpreters import Interpreter
from services.directory.domain.records import Clinician, Facility, Patient, Proxy, R, Record, Recorded, RoleAssignment
from services.directory.ports import (
    ClinicianQuery,
    FacilityQuery,
    InterpreterQuery,
    PatientQuery,
    Pending,
    Registration,
    Store,
    UnitOfWork,
)
from services.kernel.audit import AuditEntry
from services.kernel.database import Connection, Database
from services.kernel.outbox import Publishable, append_audit, append_events

TRY_AGAIN_SECONDS = 30
MOST_PROXIES = 200

_FACILITIES = """
    WITH placed AS (
        SELECT *, CASE WHEN $1::float8 IS NULL THEN 0 ELSE 2 * 6371.0088 * asin(sqrt(least(1,
            power(sin(radians(latitude - $1) / 2), 2)
            + cos(radians($1)) * cos(radians(latitude)) * power(sin(radians(longitude - $2) / 2), 2)
        ))) END AS distance
        FROM facilities
        WHERE ($1::float8 IS NULL OR latitude BETWEEN $1 - $3::float8 / 111.0 AND $1 + $3::float8 / 111.0)
            AND ($4 = '' OR state = $4)
            AND ($5 = '' OR name ILIKE $5 OR city ILIKE $5)
            AND (active OR NOT $6)
    )
    SELECT * FROM placed
    WHERE ($1::float8 IS NULL OR distance <= $3) AND (distance, facility_id) > ($7::float8, $8)
    ORDER BY distance, facility_id LIMIT $9
"""

_CLINICIANS = """
    SELECT * FROM clinicians
    WHERE ($1 = '' OR facility_ids @> ARRAY[$1]) AND ($2 = '' OR specialty = $2) AND ($3 = '' OR $3 = ANY(languages))
        AND (active OR NOT $4) AND clinician_id > $5
    ORDER BY clinician_id LIMIT $6
"""

_INTERPRETERS = """
    SELECT * FROM interpreters
    WHERE ($1 = '' OR facility_ids = '{}' OR facility_ids @> ARRAY[$1]) AND ($2 = '' OR languages @> ARRAY[$2])
        AND (active OR NOT $3) AND interpreter_id > $4
    ORDER BY interpreter_id LIMIT $5
"""

_PATIENTS = """
    SELECT * FROM patients
    WHERE ($1::text[] IS NULL OR facility_ids && $1) AND ($2 = '' OR family_key LIKE $2)
        AND ($3::date IS NULL OR birth_date = $3) AND active AND patient_id > $4
    ORDER BY patient_id LIMIT $5
"""

_PENDING = """
    UPDATE role_assignments SET tried_at = clock_timestamp() WHERE username IN (
        SELECT username FROM role_assignments
        WHERE applied_version < version AND ($1 = '' OR username = $1)
            AND ($1 <> '' OR tried_at IS NULL OR tried_at < clock_timestamp() - $3 * interval '1 second')
        ORDER BY tried_at NULLS FIRST, username LIMIT $2 FOR UPDATE SKIP LOCKED
    ) RETURNING *
"""


class PostgresStore:
    """ports.Store over one connection whose transaction somebody else opens and ends."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def find(self, kind: type[R], key: str, *, lock: bool = False) -> Recorded[R] | None:
        """Return the record under ``key``, locked until the transaction ends if ``lock``."""
        row = await self._connection.fetchrow(select(TABLES[kind], lock=lock), key)
        return None if row is None else _recorded(kind, row)

    async def put(self, record: Record, version: int) -> bool:
        """Keep ``record`` as ``version``; return False when another change came first."""
        table = TABLES[type(record)]
        values = table.values(record)
        if version == 1:
            return await self._connection.fetchval(insert(table), *values) is not None
        return await self._connection.fetchval(update(table), *values, version) is not None

    async def put_many(self, records: Sequence[R], *, replace: bool) -> Mapping[str, int]:
        """Keep ``records`` (of one kind, keys different); return the version of each that was added or changed."""
        if not records:
            return {}
        table = TABLES[type(records[0])]
        given = [table.json(record) for record in records]
        rows = await self._connection.fetch(upsert_many(table, replace=replace), given)
        return {row["key"]: row["version"] for row in rows}

    async def known(self, kind: type[R], keys: Sequence[str]) -> frozenset[str]:
        """Return which of ``keys`` exist."""
        rows = await self._connection.fetch(select_known(TABLES[kind]), list(keys))
        return frozenset(row["key"] for row in rows)

    async def find_many(self, kind: type[R], keys: Sequence[str]) -> Mapping[str, Recorded[R]]:
        """Return, locked, those of ``keys`` that exist."""
        table = TABLES[kind]
        rows = await self._connection.fetch(select_many(table), list(keys))
        return {row[table.key]: _recorded(kind, row) for row in rows}

    async def matching(self, kind: type[R], column: str, value: str) -> Sequence[Recorded[R]]:
        """Return, locked, the records whose ``column`` is ``value``, in order of key."""
        rows = await self._connection.fetch(select_matching(TABLES[kind], column), value)
        return [_recorded(kind, row) for row in rows]

    async def page(self, kind: type[R], after: str, limit: int) -> Sequence[Recorded[R]]:
        """Return records of ``kind`` in order of key, those after the key ``after``."""
        rows = await self._connection.fetch(select_page(TABLES[kind]), after, limit)
        return [_recorded(kind, row) for row in rows]

    async def catalogue(self, kind: type[R]) -> Sequence[Recorded[R]]:
        """Return every record of a small kind, in order of key."""
        rows = await self._connection.fetch(select_all(TABLES[kind]))
        return [_recorded(kind, row) for row in rows]

    async def facilities(self, query: FacilityQuery) -> Sequence[tuple[Recorded[Facility], float]]:
        """Return facilities with their distance in km, by distance and id; the distance is 0 without ``near``."""
        near = query.near
        point = (near.latitude, near.longitude, near.within_km) if near else (None, None, None)
        text = f"%{_escaped(query.text)}%" if query.text else ""
        after = query.after or (-1.0, "")
        rows = await self._connection.fetch(
            _FACILITIES, *point, query.state, text, query.active_only, *after, query.limit
        )
        return [(_recorded(Facility, row), row["distance"]) for row in rows]

    async def clinicians(self, query: ClinicianQuery) -> Sequence[Recorded[Clinician]]:
        """Return clinicians in order of id."""
        rows = await self._connection.fetch(
            _CLINICIANS, query.facility, query.specialty, query.language, query.active_only, query.after, query.limit
        )
        return [_recorded(Clinician, row) for row in rows]

    async def interpreters(self, query: InterpreterQuery) -> Sequence[Recorded[Interpreter]]:
        """Return interpreters in order of id."""
        rows = await self._connection.fetch(
            _INTERPRETERS, query.facility, query.language, query.active_only, query.after, query.limit
        )
        return [_recorded(Interpreter, row) for row in rows]

    async def interpreted(self) -> Sequence[str]:
        """Return the languages of active interpreters, in order."""
        rows = await self._connection.fetch(
            "SELECT DISTINCT unnest(languages) AS language FROM interpreters WHERE active ORDER BY 1"
        )
        return [row["language"] for row in rows]

    async def patients(self, query: PatientQuery) -> Sequence[Recorded[Patient]]:
        """Return patients in order of id."""
        facilities = None if query.facilities is None else sorted(query.facilities)
        name = f"{_escaped(query.family_key)}%" if query.family_key else ""
        rows = await self._connection.fetch(_PATIENTS, facilities, name, query.birth_date, query.after, query.limit)
        return [_recorded(Patient, row) for row in rows]

    async def registration(self, key: str) -> Registration | None:
        """Return what was registered under the idempotency key ``key``."""
        row = await self._connection.fetchrow("SELECT patient_id, digest FROM registrations WHERE key = $1", key)
        return None if row is None else Registration(row["patient_id"], row["digest"])

    async def remember(self, key: str, registration: Registration) -> bool:
        """Keep what ``key`` registered; return False when another request with the key came first."""
        sql = """
            INSERT INTO registrations (key, patient_id, digest) VALUES ($1, $2, $3)
            ON CONFLICT (key) DO NOTHING RETURNING key
        """
        return await self._connection.fetchval(sql, key, registration.patient_id, registration.digest) is not None

    async def proxies_of(self, patient_ids: Sequence[str], now: datetime) -> Mapping[str, frozenset[str]]:
        """Return who may act for each of ``patient_ids`` at ``now``; patients without proxies are left out."""
        rows = await self._connection.fetch(
            """
            SELECT patient_id, array_agg(person) AS people FROM proxies
            WHERE patient_id = ANY($1) AND active AND expires_at > $2 GROUP BY patient_id
            """,
            list(patient_ids),
            now,
        )
        return {row["patient_id"]: frozenset(row["people"]) for row in rows}

    async def proxies_for(self, patient_id: str) -> Sequence[Recorded[Proxy]]:
        """Return everyone who may or might once act for a patient, in order of id."""
        rows = await self._connection.fetch(
            "SELECT * FROM proxies WHERE patient_id = $1 ORDER BY proxy_id LIMIT $2", patient_id, MOST_PROXIES
        )
        return [_recorded(Proxy, row) for row in rows]

    async def proxies_by(self, person: str, now: datetime) -> Sequence[Recorded[Proxy]]:
        """Return under which proxies ``person`` may act at ``now``, in order of id."""
        rows = await self._connection.fetch(
            "SELECT * FROM proxies WHERE person = $1 AND active AND expires_at > $2 ORDER BY proxy_id LIMIT $3",
            person,
            now,
            MOST_PROXIES,
        )
        return [_recorded(Proxy, row) for row in rows]

    async def pending(self, username: str = "", limit: int = 1) -> Sequence[Pending]:
        """Return, locked, assignments (of ``username``, or any not tried lately) that accounts do not have yet."""
        rows = await self._connection.fetch(_PENDING, username, limit, TRY_AGAIN_SECONDS)
        return [Pending(TABLES[RoleAssignment].read(row), row["version"]) for row in rows]

    async def applied(self, username: str, version: int) -> None:
        """Note that the account has what ``version`` of its assignment says."""
        await self._connection.execute(
            "UPDATE role_assignments SET applied_version = greatest(applied_version, $2) WHERE username = $1",
            username,
            version,
        )

    async def publish(self, events: Sequence[Publishable], at: datetime) -> None:
        """Put ``events`` into the outbox."""
        await append_events(self._connection, events, at)

    async def audit(self, entries: Sequence[AuditEntry]) -> None:
        """Put ``entries`` into the outbox, for the audit trail."""
        await append_audit(self._connection, entries)


def unit_of_work(database: Database) -> UnitOfWork:
    """Return how use cases open a transaction on ``database``."""

    @asynccontextmanager
    async def begin() -> AsyncIterator[Store]:
        async with database.transaction() as connection:
            yield PostgresStore(connection)

    return begin


def _recorded(kind: type[R], row: Any) -> Recorded[R]:
    return Recorded(TABLES[kind].read(row), row["version"])


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")


async def ended_break_glass(database: Database) -> Sequence[str]:
    """Return the ids of emergency accesses that were ended before their time and would last still."""
    query = "SELECT grant_id FROM break_glass WHERE ended_at IS NOT NULL AND expires_at > now()"
    async with database.connection() as connection:
        return [row["grant_id"] for row in await connection.fetch(query)]
