"""What booking does by the clock: end holds and graces that ran out, and forget what has served its time.

Correctness does not hang on it: whoever needs the place of an expired hold ends it in the same transaction. The sweeper
makes the place visible to search again, also after a crash, because what is due is read from the table.
"""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta

from services.booking.ports import Register
from services.kernel.clock import Clock
from services.kernel.database import Database
from services.kernel.gauges import Overdue
from services.kernel.telemetry import OUTCOMES, logger

BATCH = 100
PURGE_SECONDS = 600.0
PURGE_BATCH = 5000
# The past cannot be booked: its claims only make the index larger. Two days let no zone's "today" be touched.
CLAIMS_KEPT = timedelta(days=2)
BLOCKS_KEPT = timedelta(days=30)


async def sweep(register: Register, clock: Clock) -> int:
    """End every hold and every freed slot that has run out; return how many."""
    ended = 0
    for outcome, end in (("hold-expired", register.end_expired), ("freed-slot-expired", register.end_freed)):
        while done := await end(clock.now(), BATCH):
            ended += done
            OUTCOMES.labels("booking", outcome).inc(done)
            if done < BATCH:
                break
    return ended


async def purge(database: Database, clock: Clock, answers_kept: timedelta) -> dict[str, int]:
    """Delete old answers, claims of the past and blocks long over, in batches; return how many of each."""
    now = clock.now()
    return {
        "idempotency": await _delete(database, _OLD_ANSWERS, now - answers_kept),
        "claim": await _delete(database, _PAST_CLAIMS, now - CLAIMS_KEPT),
        "capacity_session": await _delete(database, _PAST_SESSIONS, now - CLAIMS_KEPT),
        "blocked_period": await _delete(database, _PAST_BLOCKS, now - BLOCKS_KEPT),
    }


async def repeatedly(seconds: float, name: str, work: Callable[[], Awaitable[object]]) -> None:
    """Do ``work`` now and every ``seconds`` until cancelled; a failure waits for the next time."""
    while True:
        try:
            await work()
        except Exception as error:
            logger().warning("upkeep waits", kind=name, error_type=type(error).__name__)
        await asyncio.sleep(seconds)


async def _delete(database: Database, statement: str, before: object) -> int:
    deleted = 0
    while True:
        async with database.connection() as connection:
            done = int((await connection.execute(statement, before, PURGE_BATCH)).rsplit(maxsplit=1)[-1])
        deleted += done
        if done < PURGE_BATCH:
            return deleted


# How late the sweeper is; both through the indexes by which it finds its work.
OVERDUE = (
    Overdue(
        "holds",
        "SELECT extract(epoch FROM clock_timestamp() - min(hold_expires_at)) FROM appointment WHERE status = 'pending'",
    ),
    Overdue(
        "freed-slots",
        "SELECT extract(epoch FROM clock_timestamp() - min(open_until)) FROM freed_slot WHERE state = 'open'",
    ),
)

_OLD_ANSWERS = """
DELETE FROM idempotency WHERE (actor, key) IN (SELECT actor, key FROM idempotency WHERE created_at < $1 LIMIT $2)
"""
_PAST_CLAIMS = """
DELETE FROM claim WHERE (appointment_id, kind, resource_id) IN (
    SELECT appointment_id, kind, resource_id FROM claim
    WHERE upper(period) < $1 AND appointment_id IS NOT NULL LIMIT $2
)
"""
# Of appointments nothing is lost: which session theirs was stands in their resources.
_PAST_SESSIONS = """
WITH past AS MATERIALIZED (SELECT id FROM capacity_session WHERE ends_at < $1 ORDER BY ends_at LIMIT $2),
places AS (DELETE FROM session_place USING past WHERE session_id = past.id),
claims AS (DELETE FROM claim USING past WHERE session_id = past.id)
DELETE FROM capacity_session USING past WHERE capacity_session.id = past.id
"""
_PAST_BLOCKS = """
DELETE FROM blocked_period WHERE block_id IN (SELECT block_id FROM blocked_period WHERE upper(period) < $1 LIMIT $2)
"""
