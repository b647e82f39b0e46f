"""Places of capacity sessions in PostgreSQL: a row each, taken by whoever finds it unlocked.

One counter row a session would make everybody wait for everybody (performance.md, "Capacity sessions").
"""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from functools import partial
from uuid import UUID

from services.booking.domain.appointment import Occupied
from services.booking.domain.claims import Claim, SlotTaken, of_session, resource_claims
from services.contracts.slot_offer import MOST_LANES, SlotOffer
from services.kernel.database import Connection, Database

OPEN = """
INSERT INTO capacity_session (id, clinician_id, facility_id, starts_at, ends_at, opened_at)
VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING
"""
# Against being closed before its places are made.
KEEP_OPEN = "SELECT true FROM capacity_session WHERE id = $1 FOR KEY SHARE"
# In the order of their keys, as everywhere claims are made.
CLAIM = """
INSERT INTO claim (session_id, kind, resource_id, lane, key, period)
SELECT $1, kind, resource_id, lane, key, tstzrange($2, $3)
FROM unnest($4::text [], $5::text [], $6::smallint [], $7::bigint []) AS c (kind, resource_id, lane, key)
ORDER BY key
ON CONFLICT DO NOTHING
"""
CLAIMED = "SELECT count(*) FROM claim WHERE session_id = $1 AND key = any($2)"
PLACES = """
INSERT INTO session_place (session_id, unit) SELECT $1, unit FROM generate_series(1, $2::int) AS unit
ON CONFLICT DO NOTHING
"""
IN_THE_WAY = """
SELECT DISTINCT c.session_id FROM unnest($4::bigint []) AS wanted (key)
JOIN claim AS c
    ON int8range(c.key, c.key, '[]') && int8range(wanted.key, wanted.key, '[]') AND c.period && tstzrange($2, $3)
WHERE c.session_id <> $1 AND (
    SELECT true FROM session_place AS p
    WHERE p.session_id = c.session_id AND p.appointment_id IS NOT NULL LIMIT 1
) IS NULL
"""
# Who opens or extends one waits; who is just taking a place has it locked, and it is then not empty.
CLOSING = "SELECT true FROM capacity_session WHERE id = any($1) ORDER BY id FOR UPDATE"
STILL_EMPTY = """
WITH free AS (
    SELECT unit FROM session_place WHERE session_id = any($1) AND appointment_id IS NULL FOR UPDATE SKIP LOCKED
)
SELECT count(*) = (SELECT count(*) FROM session_place WHERE session_id = any($1)) FROM free
"""
CLOSE = (
    "DELETE FROM session_place WHERE session_id = any($1)",
    "DELETE FROM claim WHERE session_id = any($1)",
    "DELETE FROM capacity_session WHERE id = any($1)",
)
# So many free rows of each session as are wanted of it; those that others are just taking are passed over.
TAKE = """
WITH free AS (
    SELECT q.session_id, p.unit, row_number() OVER (PARTITION BY q.session_id ORDER BY p.unit) AS n
    FROM unnest($1::text [], $2::int [], $3::int []) AS q (session_id, capacity, wanted)
    CROSS JOIN LATERAL (
        SELECT unit FROM session_place
        WHERE session_id = q.session_id AND appointment_id IS NULL AND unit <= q.capacity
        ORDER BY unit LIMIT q.wanted FOR UPDATE SKIP LOCKED
    ) AS p
)
UPDATE session_place AS p SET appointment_id = w.appointment_id
FROM free JOIN unnest($4::text [], $5::int [], $6::uuid []) AS w (session_id, n, appointment_id) USING (session_id, n)
WHERE p.session_id = free.session_id AND p.unit = free.unit
RETURNING p.appointment_id
"""


class _Faster(Exception):
    """Raised to roll the transaction back: somebody took or closed what was to be closed or kept."""


async def open_session(database: Database, offer: SlotOffer, now: datetime) -> bool:
    """Make the offered session's places, unless they are there; raise SlotTaken when its clinician or room is not free.

    A session whose capacity was raised gets the places it lacks, one that is offered in another room that room too.
    Empty sessions in the way are closed. False, and nothing done, when somebody was faster.
    """
    # Every lane there can be, whatever depth is offered now: another template may have offered more.
    claims = resource_claims(
        Occupied(item.kind, item.id, item.depth, lane) for item in of_session(offer) for lane in range(MOST_LANES)
    )
    try:
        await database.run(partial(_open, offer=offer, claims=claims, now=now))
    except _Faster:
        return False
    return True


async def _open(connection: Connection, *, offer: SlotOffer, claims: Sequence[Claim], now: datetime) -> None:
    keys = [claim.key for claim in claims]
    await connection.execute(
        OPEN, offer.slot_id, offer.clinician_id, offer.facility_id, offer.starts_at, offer.ends_at, now
    )
    if not await connection.fetchval(KEEP_OPEN, offer.slot_id):
        raise _Faster
    others = await connection.fetch(IN_THE_WAY, offer.slot_id, offer.starts_at, offer.ends_at, keys)
    if others and not await close_empty(connection, frozenset(row["session_id"] for row in others)):
        raise _Faster
    await connection.execute(
        CLAIM, offer.slot_id, offer.starts_at, offer.ends_at, [claim.kind for claim in claims],
        [claim.resource_id for claim in claims], [claim.lane for claim in claims], keys,
    )  # fmt: skip
    if await connection.fetchval(CLAIMED, offer.slot_id, keys) != len(claims):
        raise SlotTaken
    await connection.execute(PLACES, offer.slot_id, offer.capacity)


async def close_empty(connection: Connection, sessions: frozenset[str]) -> bool:
    """Close sessions in which nobody has a place, in the transaction of ``connection``; False when somebody has.

    A template that was changed may need their clinician and room for something else.
    """
    ids = list(sessions)
    await connection.execute(CLOSING, ids)
    if not await connection.fetchval(STILL_EMPTY, ids):
        return False
    for statement in CLOSE:
        await connection.execute(statement, ids)
    return True


async def take_places(connection: Connection, wanted: Sequence[tuple[UUID, Occupied]]) -> frozenset[UUID]:
    """Give each appointment a place of its session in the transaction of ``connection``; return those that got none."""
    sessions = Counter((session.id, session.depth) for _, session in wanted)
    numbers: Counter[str] = Counter()
    turns: list[int] = []
    for _, session in wanted:
        numbers[session.id] += 1
        turns.append(numbers[session.id])
    rows = await connection.fetch(
        TAKE,
        [id_ for id_, _ in sessions],
        [capacity for _, capacity in sessions],
        list(sessions.values()),
        [session.id for _, session in wanted],
        turns,
        [id_ for id_, _ in wanted],
    )
    return frozenset(id_ for id_, _ in wanted) - {row["appointment_id"] for row in rows}
