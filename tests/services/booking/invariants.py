"""What must hold in booking's database after whatever was done to it, read from the tables themselves."""

from __future__ import annotations

from services.contracts.slot_offer import MOST_LANES
from tests.services.booking.world import World

OVERLAPS = """
SELECT count(*) FROM claim AS a JOIN claim AS b
    ON a.kind = b.kind AND a.resource_id = b.resource_id AND a.lane = b.lane AND a.period && b.period
        AND coalesce(a.appointment_id::text, a.freed_id::text, a.session_id)
            < coalesce(b.appointment_id::text, b.freed_id::text, b.session_id)
"""
# A living appointment holds the claims of its own period, one a resource and one for the patient; others hold none.
MISPLACED = """
SELECT count(*) FROM appointment AS a LEFT JOIN LATERAL (
    SELECT
        count(*) AS held,
        count(*) FILTER (WHERE c.period = tstzrange(a.starts_at, a.ends_at)) AS placed,
        bool_and(c.expires_at IS NOT DISTINCT FROM a.hold_expires_at) AS lasting
    FROM claim AS c WHERE c.appointment_id = a.id
) AS c ON true
WHERE CASE WHEN a.status = 'cancelled' THEN c.held <> 0
    ELSE c.held <> jsonb_array_length(jsonb_path_query_array(a.resources, '$[*] ? (@.kind != "session")')) + 1
        OR c.placed <> c.held OR NOT c.lasting END
"""
# Versions run 1, 2, 3 ... and each has its history row, its event and, if a person asked for it, its stored answer.
UNTOLD = """
SELECT count(*) FROM appointment AS a WHERE
    (SELECT array_agg(h.version ORDER BY h.version) FROM status_history AS h WHERE h.appointment_id = a.id)
        IS DISTINCT FROM (SELECT array_agg(n) FROM generate_series(1, a.version) AS n)
    OR (SELECT count(*) FROM outbox AS o WHERE o.channel = 'bus' AND o.data ->> 'appointment_id' = a.id::text
        AND o.type NOT LIKE 'booking.visit-disrupt%')
        <> a.version
    OR (SELECT count(*) FROM idempotency AS i WHERE i.appointment_id = a.id)
        <> (SELECT count(*) FROM status_history AS h
            WHERE h.appointment_id = a.id AND h.action NOT IN ('expire', 'reassign'))
"""


# A freed slot that is kept holds the claims of its place, without a patient, until its end; others hold none.
UNKEPT = """
SELECT count(*) FROM freed_slot AS f LEFT JOIN LATERAL (
    SELECT count(*) AS held, bool_and(c.kind <> 'patient' AND c.expires_at = f.open_until) AS lasting
    FROM claim AS c WHERE c.freed_id = f.id
) AS c ON true
WHERE CASE WHEN f.state = 'open' THEN c.held <> jsonb_array_length(f.resources) OR NOT c.lasting ELSE c.held <> 0 END
"""


# A living visit of a session has one place, in that session; nobody else has any.
ASTRAY = """
SELECT count(*) FROM appointment AS a FULL JOIN session_place AS p ON p.appointment_id = a.id
WHERE a.id IS NOT NULL AND CASE WHEN a.status = 'cancelled' THEN NULL
    ELSE jsonb_path_query_first(a.resources, '$[*] ? (@.kind == "session").id') #>> '{}' END
    IS DISTINCT FROM p.session_id
"""
# A session has every lane of whatever it has a lane of, its clinician at the least, for all of its time.
UNCOVERED = """
SELECT count(*) FROM capacity_session AS s LEFT JOIN LATERAL (
    SELECT c.kind, c.resource_id, count(*) FILTER (WHERE c.period = tstzrange(s.starts_at, s.ends_at)) AS lanes
    FROM claim AS c WHERE c.session_id = s.id AND c.expires_at IS NULL GROUP BY c.kind, c.resource_id
) AS c ON true
GROUP BY s.id
HAVING NOT coalesce(bool_and(c.lanes = $1) AND bool_or(c.kind = 'clinician' AND c.resource_id = s.clinician_id), false)
"""


async def assert_sound(world: World) -> None:
    """Assert that nothing overlaps, nothing is misplaced and everything was told."""
    assert await world.value(OVERLAPS) == 0, "double booking"
    assert await world.value(MISPLACED) == 0, "claims that are not those of their appointment"
    assert await world.value(UNKEPT) == 0, "freed slots without their claims, or claims without their slot"
    assert await world.value(ASTRAY) == 0, "places that are not those of their session's visits"
    assert await world.rows(UNCOVERED, MOST_LANES) == [], "a session beside which somebody could be treated"
    assert await world.value(UNTOLD) == 0, "history, events or answers are missing or too many"
