-- depends:
-- Appointments, the claims that keep them apart, their history, and the answers given for a key.

CREATE TABLE appointment (
    id uuid PRIMARY KEY,
    patient_id text NOT NULL,
    clinician_id text NOT NULL,
    facility_id text NOT NULL,
    specialty text NOT NULL,
    visit_type text NOT NULL,
    slot_id text NOT NULL,
    starts_at timestamptz NOT NULL,
    ends_at timestamptz NOT NULL CHECK (ends_at > starts_at),
    timezone text NOT NULL,
    -- The day by the facility's own calendar, so that "today's list" is an index lookup in every zone.
    visit_day date NOT NULL,
    lane smallint NOT NULL CHECK (lane BETWEEN 0 AND 7),
    status text NOT NULL
    CHECK (status IN ('pending', 'booked', 'checked-in', 'fulfilled', 'cancelled', 'noshow')),
    version integer NOT NULL CHECK (version > 0),
    resources jsonb NOT NULL,
    schedule_version bigint NOT NULL,
    hold_expires_at timestamptz CHECK ((status = 'pending') = (hold_expires_at IS NOT NULL)),
    reason text NOT NULL CHECK ((status = 'cancelled') = (reason <> '')),
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL
);

CREATE INDEX appointment_of_patient ON appointment (patient_id, starts_at, id);
CREATE INDEX appointment_of_day ON appointment (facility_id, visit_day, starts_at, id);
CREATE INDEX appointment_hold_expiry ON appointment (hold_expires_at) WHERE status = 'pending';

-- The arbiter. key = kernel.ids.content_key(kind, resource_id, lane): with it the constraint needs ranges only, which
-- GiST indexes without an extension (a plain bigint it does not). Two different resources may share a key; then one of
-- them is refused a time the other has, though it was free: a lost slot once in billions, never a double booking,
-- because equal resources always share theirs. The greatest bigint is excluded, [key, key] would overflow.
-- expires_at repeats the hold's expiry, so that looking needs no join. docs/decisions/0010-claims-arbiter.md.
CREATE TABLE claim (
    appointment_id uuid NOT NULL REFERENCES appointment (id),
    kind text NOT NULL CHECK (kind IN ('patient', 'clinician', 'room', 'interpreter')),
    resource_id text NOT NULL,
    lane smallint NOT NULL CHECK (lane BETWEEN 0 AND 7),
    key bigint NOT NULL CHECK (key >= 0 AND key < 9223372036854775807),
    period tstzrange NOT NULL
    CHECK (
        NOT isempty(period) AND lower_inc(period) AND NOT upper_inc(period)
        AND NOT lower_inf(period) AND NOT upper_inf(period)
    ),
    expires_at timestamptz,
    PRIMARY KEY (appointment_id, kind, resource_id),
    CONSTRAINT claim_no_overlap EXCLUDE USING gist (int8range(key, key, '[]') WITH &&, period WITH &&)
);

-- Every change with who made it, and the event that told it. Also the change feed: rows become visible in the order of
-- (xid, id), of which a reader takes those whose transaction is older than every running one.
CREATE TABLE status_history (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    xid xid8 NOT NULL DEFAULT pg_current_xact_id(),
    appointment_id uuid NOT NULL REFERENCES appointment (id),
    version integer NOT NULL,
    action text NOT NULL,
    from_status text NOT NULL,
    to_status text NOT NULL,
    actor_subject text NOT NULL,
    actor_roles text [] NOT NULL,
    reason text NOT NULL,
    at timestamptz NOT NULL,
    correlation_id text NOT NULL,
    facility_id text NOT NULL,
    former_facility_id text NOT NULL,
    event_type text NOT NULL,
    event jsonb NOT NULL,
    UNIQUE (appointment_id, version)
);

CREATE INDEX status_history_feed ON status_history (xid, id);

CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is append-only', tg_table_name USING ERRCODE = 'restrict_violation';
END
$$;

CREATE TRIGGER status_history_append_only
BEFORE UPDATE OR DELETE OR TRUNCATE ON status_history
FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- draft-ietf-httpapi-idempotency-key-header: the answer of each request that had an effect.
CREATE TABLE idempotency (
    actor text NOT NULL,
    key text NOT NULL,
    request_hash bytea NOT NULL,
    status smallint NOT NULL,
    body jsonb NOT NULL,
    etag text NOT NULL,
    appointment_id uuid NOT NULL,
    created_at timestamptz NOT NULL,
    PRIMARY KEY (actor, key)
);

CREATE INDEX idempotency_age ON idempotency (created_at);
