"""Availability hears of everything booking told, in any order and more than once, and must then know what is taken."""

from __future__ import annotations

import random

from services.availability.adapters.postgres import store_of
from services.availability.consumers import on_bookings
from services.kernel.database import Database
from services.kernel.inbox import take_many_once
from services.kernel.outbox import Envelope
from tests.services.booking.world import World

TOLD = """
SELECT event_id, type, source, occurred_at, data FROM outbox
WHERE channel = 'bus' AND (data ? 'appointment_id' AND data ? 'lane' OR data ? 'freed_id') ORDER BY id
"""
# The truth: who holds which lane of a clinician, or has a place in a session, in which room, with whom interpreting. Of
# a hold that a merge gave to another patient availability is not told again when it ends: until it has, it counts.
CLAIMED = """
WITH holder AS (
    SELECT id, status, CASE WHEN NOT EXISTS (
        SELECT FROM status_history AS h WHERE h.appointment_id = a.id AND h.action = 'reassign'
    ) THEN hold_expires_at END AS expires_at
    FROM appointment AS a
    UNION ALL SELECT id, state, open_until FROM freed_slot
), place AS (
    SELECT coalesce(appointment_id, freed_id) AS holder, resource_id, period, lane FROM claim WHERE kind = 'clinician'
    UNION ALL
    SELECT a.id, a.clinician_id, tstzrange(a.starts_at, a.ends_at), 0
    FROM session_place AS p JOIN appointment AS a ON a.id = p.appointment_id
)
SELECT p.resource_id, lower(p.period), upper(p.period), p.lane, h.expires_at,
    coalesce((SELECT r.resource_id FROM claim AS r
        WHERE r.kind = 'room' AND coalesce(r.appointment_id, r.freed_id) = h.id), ''),
    coalesce((SELECT i.resource_id FROM claim AS i
        WHERE i.kind = 'interpreter' AND coalesce(i.appointment_id, i.freed_id) = h.id), '')
FROM place AS p JOIN holder AS h ON h.id = p.holder
WHERE h.status <> 'noshow' AND (h.expires_at IS NULL OR h.expires_at > $1)
"""
PROJECTED = """
SELECT clinician_id, starts_at, ends_at, lane, expires_at, room_id, interpreter_id FROM busy
WHERE live AND (expires_at IS NULL OR expires_at > $1)
"""


async def assert_catches_up(world: World, availability: Database, seed: int) -> None:
    """Deliver everything told so far, shuffled and with repetitions, and compare what each service takes for taken."""
    envelopes = [
        Envelope(row["event_id"], row["type"], row["source"], row["occurred_at"], "", row["data"])
        for row in await world.rows(TOLD)
    ]
    dice = random.Random(seed)
    delivered = [*envelopes, *dice.sample(envelopes, len(envelopes) // 3)]
    dice.shuffle(delivered)
    taken = [envelope for envelope in delivered if envelope.type != "booking.late-cancel-waived.v1"]
    while taken:
        some = [taken.pop() for _ in range(min(len(taken), dice.randint(1, 8)))]
        await take_many_once(availability, "availability-appointments", some, on_bookings, store_of)
    async with availability.connection() as connection:
        projected = sorted(map(tuple, await connection.fetch(PROJECTED, world.clock.at)), key=str)
    assert projected == sorted(map(tuple, await world.rows(CLAIMED, world.clock.at)), key=str)
