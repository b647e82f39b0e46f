"""Two thousand who wait and a hundred slots freed at once: each slot has one live offer, nobody has two.

`careslot bench --part waiting-list` does it with ten thousand on a platform that runs.
"""

from __future__ import annotations

import asyncio
import time
from datetime import timedelta

from services.waitlist.domain.ranking import STARVATION_BOUND
from tests.services.waitlist.world import LATER, World, slot

REQUESTS, SLOTS, FACILITIES = 2_000, 100, 10


async def crowd(world: World) -> None:
    """Put the crowd on the list as rows; who joined when is spread over forty days."""
    async with world.database.transaction() as connection:
        await connection.execute(
            """
            INSERT INTO request (
                id, patient_id, specialty, visit_type, facility_ids, clinician_ids, weekdays, windows, notice_minutes,
                minutes, priority, status, version, joined_at, lapses, standing_at, submitted_by, idempotency_key,
                fingerprint
            )
            SELECT
                gen_random_uuid(), 'pat-' || n, 'family-medicine', 'family-medicine-follow-up',
                ARRAY['fac-' || n % $2], '{}', '{}', '[]', 0, 0, CASE n % 10 WHEN 0 THEN 'asap' ELSE 'routine' END,
                'waiting', 1, joined_at, 0, joined_at - CASE n % 10 WHEN 0 THEN 21 ELSE 0 END * interval '1 day',
                'bulk', n::text, ''
            FROM generate_series(1, $1) AS n,
                LATERAL (SELECT $3::timestamptz - n * interval '5 minutes') AS j (joined_at)
            """,
            REQUESTS,
            FACILITIES,
            world.clock.at,
        )
        await connection.execute(
            "INSERT INTO consent SELECT 'pat-' || n, 1, true FROM generate_series(1, $1) AS n", REQUESTS
        )


async def test_no_slot_is_offered_twice_at_once_and_nobody_starves(world: World) -> None:
    await crowd(world)
    for n in range(SLOTS):
        await world.free(slot(LATER + timedelta(minutes=20 * n), facility=f"fac-{n % FACILITIES}"), seconds=600)
    began = time.monotonic()
    # Two processes side by side, as in production.
    await asyncio.gather(world.offering.round(), world.offering.round())
    # Both may have asked booking about the same slots, and left the others to the next round.
    while await world.offering.round():
        pass
    took = time.monotonic() - began
    print(f"{SLOTS} slots offered to {REQUESTS} waiting in {took:.1f} s")
    live = await world.rows("SELECT freed_id, request_id FROM offer WHERE state IN ('securing', 'open')")
    assert len(live) == SLOTS
    assert len({freed for freed, _ in live}) == len({request for _, request in live}) == SLOTS
    assert len(world.booking.asked_together) < SLOTS / 5, "booking is asked about many at a time"
    starved = await world.rows(
        """
        SELECT count(*) FROM request AS w JOIN request AS o ON o.facility_ids = w.facility_ids
        WHERE w.status = 'waiting' AND o.status = 'offered' AND o.joined_at > w.joined_at + $1
        """,
        STARVATION_BOUND,
    )
    assert starved == [0]
    # All of them let it lapse: the next in line are others, and again one a slot.
    world.clock.at += timedelta(hours=12)
    while await world.offering.round():
        pass
    again = await world.rows("SELECT freed_id, count(*) FROM offer WHERE state = 'open' GROUP BY freed_id")
    assert len(again) == SLOTS and {count for _, count in again} == {1}
    assert await world.rows("SELECT max(n) FROM (SELECT count(*) AS n FROM offer GROUP BY freed_id) AS c") == [2]
