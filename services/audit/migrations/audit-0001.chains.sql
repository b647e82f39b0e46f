-- depends:
-- The audit trail: entries are only ever added, heads only move forward, anchors are the copy of what write-once
-- storage holds. The triggers stop mistakes; who disables them is found by `careslot audit verify`.

CREATE TABLE chains (
    service text NOT NULL,
    day date NOT NULL,
    seq bigint NOT NULL,
    hash bytea NOT NULL CHECK (octet_length(hash) = 32),
    closed boolean NOT NULL DEFAULT false,
    anchored_seq bigint NOT NULL DEFAULT 0,
    anchored_final boolean NOT NULL DEFAULT false,
    PRIMARY KEY (service, day)
);

CREATE INDEX chains_not_anchored ON chains (day) WHERE NOT anchored_final;

-- The record is what was hashed; the columns repeat of it what reviews search by, and verification compares them.
CREATE TABLE entries (
    service text NOT NULL,
    day date NOT NULL,
    seq bigint NOT NULL,
    entry_id uuid NOT NULL UNIQUE,
    at timestamptz NOT NULL,
    about text NOT NULL,
    subject text NOT NULL,
    outcome text NOT NULL,
    break_glass boolean NOT NULL,
    facilities text [] NOT NULL,
    previous bytea NOT NULL,
    hash bytea NOT NULL,
    record text NOT NULL,
    PRIMARY KEY (service, day, seq)
);

CREATE INDEX entries_by_time ON entries (at, entry_id);
CREATE INDEX entries_by_patient ON entries (about, at, entry_id) WHERE about <> '';
CREATE INDEX entries_by_user ON entries (subject, at, entry_id);
CREATE INDEX entries_refused ON entries (at, entry_id) WHERE outcome <> 'allowed';
CREATE INDEX entries_break_glass ON entries (at, entry_id) WHERE break_glass;

CREATE TABLE anchors (
    number bigint PRIMARY KEY,
    at timestamptz NOT NULL,
    hash bytea NOT NULL,
    body text NOT NULL
);

CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the audit trail is only ever added to' USING ERRCODE = 'integrity_constraint_violation';
END
$$;

CREATE TRIGGER entries_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON entries
FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

CREATE TRIGGER anchors_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON anchors
FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

CREATE TRIGGER chains_stay BEFORE DELETE OR TRUNCATE ON chains
FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

CREATE FUNCTION heads_move_forward() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (new.service, new.day) <> (old.service, old.day)
        OR new.seq < old.seq OR (new.seq = old.seq AND new.hash <> old.hash) OR (old.closed AND new.seq > old.seq)
        OR (old.closed AND NOT new.closed) OR new.anchored_seq < old.anchored_seq OR new.anchored_seq > new.seq
        OR (old.anchored_final AND NOT new.anchored_final)
    THEN
        RAISE EXCEPTION 'a chain only ever grows, until it is closed' USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN new;
END
$$;

CREATE TRIGGER chains_grow BEFORE UPDATE ON chains FOR EACH ROW EXECUTE FUNCTION heads_move_forward();
