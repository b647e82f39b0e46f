-- depends: booking-0008.disruptions
-- Sessions with a number of places, such as a flu clinic. docs/decisions/0012-capacity-sessions.md.

-- A session is a slot with a capacity; its id is the slot's. It is opened by the first who books a place in it.
CREATE TABLE capacity_session (
    id text PRIMARY KEY,
    clinician_id text NOT NULL,
    facility_id text NOT NULL,
    starts_at timestamptz NOT NULL,
    ends_at timestamptz NOT NULL CHECK (ends_at > starts_at),
    opened_at timestamptz NOT NULL
);

CREATE INDEX capacity_session_past ON capacity_session (ends_at);

-- One row a place: as many visits as rows, whoever counts how. Racers take different free rows (SKIP LOCKED) instead of
-- waiting for one counter.
CREATE TABLE session_place (
    session_id text NOT NULL REFERENCES capacity_session (id),
    unit smallint NOT NULL CHECK (unit BETWEEN 1 AND 2000),
    appointment_id uuid UNIQUE REFERENCES appointment (id),
    PRIMARY KEY (session_id, unit)
) WITH (fillfactor = 70);

CREATE INDEX session_place_free ON session_place (session_id, unit) WHERE appointment_id IS NULL;

-- The session's own claims, on its clinician and room: nobody is treated beside it. The former version goes on.
ALTER TABLE claim ADD COLUMN session_id text;
ALTER TABLE claim ADD CONSTRAINT claim_capacity_session
FOREIGN KEY (session_id) REFERENCES capacity_session (id) NOT VALID;
-- Only allows more.
-- squawk-ignore ban-drop-constraint
ALTER TABLE claim DROP CONSTRAINT claim_one_owner;
ALTER TABLE claim ADD CONSTRAINT claim_one_owner
CHECK (num_nonnulls(appointment_id, freed_id, session_id) = 1) NOT VALID;
-- Few rows: those of sessions alone.
-- squawk-ignore require-concurrent-index-creation
CREATE UNIQUE INDEX claim_of_session ON claim (session_id, kind, resource_id) WHERE session_id IS NOT NULL;
