-- depends:
-- Projections of what other services told, what patients want, planned messages and their ledger.

CREATE TABLE recipients (
    patient_id text PRIMARY KEY,
    version bigint NOT NULL,
    email text NOT NULL,
    phone text NOT NULL,
    language text NOT NULL CHECK (language IN ('en', 'es')),
    timezone text NOT NULL,
    active boolean NOT NULL
);

CREATE TABLE facilities (
    facility_id text PRIMARY KEY,
    version bigint NOT NULL,
    timezone text NOT NULL
);

CREATE TABLE proxies (
    proxy_id text PRIMARY KEY,
    version bigint NOT NULL,
    patient_id text NOT NULL,
    person text NOT NULL,
    expires_at timestamptz NOT NULL,
    active boolean NOT NULL
);

CREATE INDEX proxies_by_patient ON proxies (patient_id);

CREATE TABLE appointments (
    appointment_id uuid PRIMARY KEY,
    version bigint NOT NULL,
    status text NOT NULL,
    patient_id text NOT NULL,
    facility_id text NOT NULL,
    starts_at timestamptz NOT NULL,
    timezone text NOT NULL
);

CREATE TABLE preferences (
    patient_id text PRIMARY KEY,
    version bigint NOT NULL CHECK (version > 0),
    channels text [] NOT NULL CHECK (channels <@ ARRAY['email', 'sms']),
    language text CHECK (language IN ('en', 'es')),
    timezone text,
    consent jsonb NOT NULL,
    opted_out boolean NOT NULL,
    changed_at timestamptz NOT NULL
);

CREATE TABLE messages (
    message_id uuid PRIMARY KEY,
    appointment_id uuid NOT NULL,
    appointment_version bigint NOT NULL,
    patient_id text NOT NULL,
    kind text NOT NULL CHECK (
        kind IN ('confirmation', 'reminder-7d', 'reminder-3d', 'reminder-1d', 'moved', 'cancelled')
    ),
    starts_at timestamptz NOT NULL,
    timezone text NOT NULL,
    due_at timestamptz NOT NULL,
    send_after timestamptz NOT NULL,
    correlation_id text NOT NULL,
    tries integer NOT NULL DEFAULT 0,
    state text NOT NULL DEFAULT 'planned' CHECK (
        state IN ('planned', 'sending', 'sent', 'withdrawn', 'suppressed', 'failed', 'unknown')
    ),
    channel text CHECK (channel IN ('email', 'sms')),
    language text CHECK (language IN ('en', 'es')),
    reason text NOT NULL DEFAULT '',
    claimed_at timestamptz,
    attempted_at timestamptz,
    UNIQUE (appointment_id, kind, appointment_version)
);

CREATE INDEX messages_due ON messages (send_after) WHERE state = 'planned';
CREATE INDEX messages_sending ON messages (claimed_at) WHERE state = 'sending';
CREATE INDEX messages_by_patient ON messages (patient_id, message_id);
CREATE INDEX messages_texts ON messages (patient_id, attempted_at)
WHERE channel = 'sms' AND state IN ('sending', 'sent', 'unknown');

CREATE TABLE deliveries (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    message_id uuid NOT NULL REFERENCES messages (message_id),
    state text NOT NULL,
    at timestamptz NOT NULL,
    recorded_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    channel text NOT NULL DEFAULT '',
    reason text NOT NULL DEFAULT '',
    provider_id text NOT NULL DEFAULT ''
);

CREATE INDEX deliveries_by_message ON deliveries (message_id, id);

-- The ledger only grows: what was told to whom and when must be answerable for six years (45 CFR 164.316(b)(2)(i)).
CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the delivery ledger is append-only' USING ERRCODE = 'integrity_constraint_violation';
END
$$;

CREATE TRIGGER deliveries_append_only BEFORE UPDATE OR DELETE ON deliveries
FOR EACH ROW EXECUTE FUNCTION refuse_change();

CREATE TRIGGER deliveries_keep BEFORE TRUNCATE ON deliveries
FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
