"""The SQL that settles races, in one place to be read together: what is looked at, what is claimed, what is ended.

Rows travel as JSON and become records by the table's own column types. Looking and creating take many requests at
once: what comes while a statement runs goes together in the next one (``batching``).
"""

# One statement, one snapshot: with two, a repetition could see the first request's claims but not its answer. Many
# questions at once, each on a row of its own; `spot` is one lane to look at, n says for which question. LATERAL with
# OFFSET 0, (SELECT ... LIMIT 1) for EXISTS, and an order: else the planner may read a whole table for a few questions,
# and does while what it knows of the table is old.
LOOK = """
WITH standing AS (
    SELECT
        spot.n, array_agg(c.key) AS keys, array_agg(coalesce(c.appointment_id, c.freed_id)) AS holders,
        array_agg(c.expires_at) AS expiries,
        array_agg(CASE WHEN c.session_id IS NOT NULL AND (
            SELECT true FROM session_place AS p
            WHERE p.session_id = c.session_id AND p.appointment_id IS NOT NULL LIMIT 1
        ) IS NULL THEN c.session_id END) AS empties
    FROM unnest($15::bigint [], $16::bigint [], $17::timestamptz [], $18::timestamptz [])
        AS spot (n, key, starts_at, ends_at)
    JOIN claim AS c
        ON int8range(c.key, c.key, '[]') && int8range(spot.key, spot.key, '[]')
            AND c.period && tstzrange(spot.starts_at, spot.ends_at)
    GROUP BY spot.n
)
SELECT
    a.*,
    i.request_hash AS stored_hash, i.status AS stored_status, i.body AS stored_body, i.etag AS stored_etag,
    ARRAY(
        SELECT p.person FROM proxy AS p
        WHERE p.patient_id = coalesce(a.patient_id, q.patient_id) AND p.active AND p.expires_at > q.now
    ) AS proxies,
    ARRAY(
        SELECT p.person FROM proxy AS p
        WHERE p.patient_id = coalesce(a.patient_id, q.patient_id) AND p.active AND p.expires_at > q.now
            AND p.confidential_until > q.now
    ) AS confidants,
    coalesce((SELECT v.security_label FROM visit_type AS v WHERE v.code = q.visit_type), 'N') AS wanted_label,
    coalesce(
        (SELECT p.active FROM patient AS p WHERE p.patient_id = coalesce(a.patient_id, q.patient_id)), true
    ) AS patient_active,
    (
        SELECT true FROM blocked_period AS b
        WHERE NOT b.withdrawn AND b.subject_id IN (q.clinician_id, q.facility_id)
            AND b.period && tstzrange(q.starts_at, q.ends_at)
            AND b.kind = CASE b.subject_id WHEN q.clinician_id THEN 'clinician' ELSE 'facility' END
        LIMIT 1
    ) IS NOT NULL AS blocked,
    s.keys, s.holders, s.expiries, s.empties,
    (SELECT to_jsonb(f) FROM freed_slot AS f WHERE f.id = q.freed_id) AS freed,
    (
        SELECT true FROM waiting_demand AS w
        WHERE w.facility_id = a.facility_id AND w.specialty = a.specialty AND w.waiting LIMIT 1
    ) IS NOT NULL AS waiting,
    (
        SELECT r.hours FROM late_cancel_rule AS r
        WHERE r.facility_id IN ('', a.facility_id) AND r.visit_type IN ('', a.visit_type)
        ORDER BY r.facility_id <> '' DESC, r.visit_type <> '' DESC LIMIT 1
    ) AS late_hours,
    (
        SELECT true FROM session_place AS p WHERE p.session_id = q.session_id AND p.unit = q.capacity LIMIT 1
    ) IS NOT NULL AS session_open,
    q.room_id IS NULL OR (
        SELECT true FROM claim AS c
        WHERE c.session_id = q.session_id AND c.kind = 'room' AND c.resource_id = q.room_id LIMIT 1
    ) IS NOT NULL AS session_room,
    (
        SELECT true FROM session_place AS p
        WHERE p.session_id = q.session_id AND p.unit <= q.capacity AND p.appointment_id IS NULL
        ORDER BY p.unit LIMIT 1
    ) IS NOT NULL AS session_free
FROM unnest(
    $1::text [], $2::text [], $3::uuid [], $4::text [], $5::timestamptz [], $6::text [], $7::text [],
    $8::timestamptz [], $9::timestamptz [], $10::uuid [], $11::text [], $12::text [], $13::int [],
    $14::text []
) WITH ORDINALITY AS q (
    subject, key, appointment_id, patient_id, now, clinician_id, facility_id, starts_at, ends_at, freed_id,
    visit_type, session_id, capacity, room_id, n
)
LEFT JOIN LATERAL (SELECT * FROM appointment WHERE id = q.appointment_id OFFSET 0) AS a ON true
LEFT JOIN LATERAL (SELECT * FROM idempotency WHERE actor = q.subject AND key = q.key OFFSET 0) AS i ON true
LEFT JOIN standing AS s ON s.n = q.n
ORDER BY q.n
"""

# Everything hangs on the idempotency rows: who repeats a request that is still running waits there, then finds that
# nothing was inserted. Answers and claims go in in one order everywhere, against deadlocks; ON CONFLICT makes a loser
# wait for the winner's commit without the mutual waiting (and the second spent on its detection) that exclusion
# constraints else fall into. How long it waits is $1: less in a batch, where others wait with it.
CREATE = """
WITH once AS (
    INSERT INTO idempotency (actor, key, request_hash, status, body, etag, appointment_id, created_at)
    SELECT actor, key, request_hash, status, body, etag, appointment_id, created_at
    FROM
        (SELECT set_config('lock_timeout', $1, true)) AS patience,
        jsonb_populate_recordset(null::idempotency, $2::text::jsonb)
    ORDER BY actor, key
    ON CONFLICT DO NOTHING
    RETURNING appointment_id
), state AS (
    INSERT INTO appointment (
        id, patient_id, clinician_id, facility_id, specialty, visit_type, slot_id, starts_at, ends_at, timezone,
        visit_day, lane, status, version, resources, schedule_version, hold_expires_at, reason, created_at, updated_at,
        security_label, series_id
    )
    SELECT
        id, patient_id, clinician_id, facility_id, specialty, visit_type, slot_id, starts_at, ends_at, timezone,
        visit_day, lane, status, version, resources, schedule_version, hold_expires_at, reason, created_at, updated_at,
        security_label, series_id
    FROM once JOIN jsonb_populate_recordset(null::appointment, $3::text::jsonb) AS n ON n.id = once.appointment_id
    RETURNING id, starts_at, ends_at, hold_expires_at
), told AS (
    INSERT INTO status_history (
        appointment_id, version, action, from_status, to_status, actor_subject, actor_roles, reason, at,
        correlation_id, facility_id, former_facility_id, event_type, event
    )
    SELECT
        h.appointment_id, h.version, action, from_status, to_status, actor_subject, actor_roles, reason, at,
        correlation_id, facility_id, former_facility_id, event_type, event
    FROM state JOIN jsonb_populate_recordset(null::status_history, $4::text::jsonb) AS h ON h.appointment_id = state.id
), sent AS (
    INSERT INTO outbox (event_id, channel, type, source, occurred_at, correlation_id, data)
    SELECT event_id, channel, type, source, occurred_at, correlation_id, data
    FROM jsonb_populate_recordset(null::outbox, $5::text::jsonb)
), claimed AS (
    INSERT INTO claim (appointment_id, kind, resource_id, lane, key, period, expires_at)
    SELECT state.id, kind, resource_id, lane, key, tstzrange(starts_at, ends_at), hold_expires_at
    FROM state JOIN unnest($6::uuid [], $7::text [], $8::text [], $9::smallint [], $10::bigint [])
        AS c (appointment_id, kind, resource_id, lane, key) ON c.appointment_id = state.id
    ORDER BY key
    ON CONFLICT DO NOTHING
    RETURNING appointment_id
)
SELECT appointment_id, count(*) AS claims FROM claimed GROUP BY appointment_id
"""

# The answer of a command on several appointments; each of them has a row of its own besides.
ANSWER = """
INSERT INTO idempotency (actor, key, request_hash, status, body, etag, appointment_id, created_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
ON CONFLICT DO NOTHING
RETURNING true
"""

# The version in the WHERE settles who of two commands on one appointment was first.
CHANGE = """
WITH once AS (
    INSERT INTO idempotency (actor, key, request_hash, status, body, etag, appointment_id, created_at)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
    ON CONFLICT DO NOTHING
    RETURNING true
), state AS (
    UPDATE appointment AS a SET
        clinician_id = n.clinician_id, facility_id = n.facility_id, specialty = n.specialty,
        visit_type = n.visit_type, slot_id = n.slot_id, starts_at = n.starts_at, ends_at = n.ends_at,
        timezone = n.timezone, visit_day = n.visit_day, lane = n.lane, status = n.status, version = n.version,
        resources = n.resources, schedule_version = n.schedule_version, hold_expires_at = n.hold_expires_at,
        reason = n.reason, updated_at = n.updated_at, security_label = n.security_label,
        late_cancel = n.late_cancel, late_waived = n.late_waived
    FROM once, jsonb_populate_record(null::appointment, $9) AS n
    WHERE a.id = n.id AND a.version = n.version - 1
    RETURNING a.id
), freed AS (
    DELETE FROM claim USING state WHERE claim.appointment_id = state.id AND $11
), given_back AS (
    UPDATE session_place SET appointment_id = null FROM state WHERE session_place.appointment_id = state.id AND $11
), kept AS (
    UPDATE claim SET expires_at = null FROM state
    WHERE claim.appointment_id = state.id AND NOT $11 AND claim.expires_at IS NOT null
), told AS (
    INSERT INTO status_history (
        appointment_id, version, action, from_status, to_status, actor_subject, actor_roles, reason, at,
        correlation_id, facility_id, former_facility_id, event_type, event
    )
    SELECT
        h.appointment_id, h.version, action, from_status, to_status, actor_subject, actor_roles, reason, at,
        correlation_id, facility_id, former_facility_id, event_type, event
    FROM state, jsonb_populate_record(null::status_history, $10) AS h
)
SELECT count(*) FROM state
"""

# A statement of its own after the freeing: inside one statement, what a CTE deletes still stands in the way of what
# another inserts, and ON CONFLICT DO NOTHING would silently leave the appointment without a place.
CLAIM = """
WITH claimed AS (
    INSERT INTO claim (appointment_id, kind, resource_id, lane, key, period, expires_at)
    SELECT $1, kind, resource_id, lane, key, tstzrange($2, $3), null
    FROM unnest($4::text [], $5::text [], $6::smallint [], $7::bigint []) AS c (kind, resource_id, lane, key)
    ORDER BY key
    ON CONFLICT DO NOTHING
    RETURNING true
)
SELECT count(*) FROM claimed
"""

EXPIRED_AMONG = """
SELECT * FROM appointment WHERE id = any($1) AND status = 'pending' AND hold_expires_at <= $2 ORDER BY id FOR UPDATE
"""

EXPIRED = """
SELECT * FROM appointment WHERE status = 'pending' AND hold_expires_at <= $1
ORDER BY hold_expires_at LIMIT $2 FOR UPDATE SKIP LOCKED
"""

END = """
WITH ended AS (
    UPDATE appointment AS a SET
        status = n.status, version = n.version, hold_expires_at = null, reason = n.reason, updated_at = n.updated_at
    FROM jsonb_populate_recordset(null::appointment, $1) AS n
    WHERE a.id = n.id
    RETURNING a.id
), freed AS (
    DELETE FROM claim USING ended WHERE claim.appointment_id = ended.id
), given_back AS (
    UPDATE session_place SET appointment_id = null FROM ended WHERE session_place.appointment_id = ended.id
)
INSERT INTO status_history (
    appointment_id, version, action, from_status, to_status, actor_subject, actor_roles, reason, at,
    correlation_id, facility_id, former_facility_id, event_type, event
)
SELECT
    appointment_id, version, action, from_status, to_status, actor_subject, actor_roles, reason, at,
    correlation_id, facility_id, former_facility_id, event_type, event
FROM jsonb_populate_recordset(null::status_history, $2)
"""

# One row of `spot` a lane to look at; n says which offer it belongs to.
STANDING_IN_THE_WAY = """
SELECT spot.n, c.key, coalesce(c.appointment_id, c.freed_id) AS holder, c.expires_at,
    CASE WHEN c.session_id IS NOT NULL AND (
        SELECT true FROM session_place AS p
        WHERE p.session_id = c.session_id AND p.appointment_id IS NOT NULL LIMIT 1
    ) IS NULL THEN c.session_id END AS empty
FROM unnest($1::int [], $2::bigint [], $3::timestamptz [], $4::timestamptz []) AS spot (n, key, starts_at, ends_at)
JOIN claim AS c
    ON int8range(c.key, c.key, '[]') && int8range(spot.key, spot.key, '[]')
        AND c.period && tstzrange(spot.starts_at, spot.ends_at)
"""
