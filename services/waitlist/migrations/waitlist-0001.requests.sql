-- depends:
-- Who waits for what, what was freed, who was offered it, and what waitlist remembers of its neighbours' events.

CREATE TABLE request (
    id uuid PRIMARY KEY,
    patient_id text NOT NULL,
    specialty text NOT NULL,
    visit_type text NOT NULL,
    facility_ids text [] NOT NULL CHECK (cardinality(facility_ids) > 0),
    clinician_ids text [] NOT NULL,
    weekdays smallint [] NOT NULL CHECK (weekdays <@ ARRAY[1, 2, 3, 4, 5, 6, 7]::smallint []),
    windows jsonb NOT NULL,
    earliest date,
    latest date,
    notice_minutes integer NOT NULL CHECK (notice_minutes >= 0),
    minutes integer NOT NULL CHECK (minutes >= 0),
    priority text NOT NULL CHECK (priority IN ('routine', 'urgent', 'asap')),
    status text NOT NULL CHECK (status IN ('waiting', 'offered', 'accepted', 'withdrawn', 'expired')),
    version integer NOT NULL CHECK (version > 0),
    joined_at timestamptz NOT NULL,
    lapses integer NOT NULL CHECK (lapses >= 0),
    -- domain.ranking.standing: with it the next in line is an index walk.
    standing_at timestamptz NOT NULL,
    submitted_by text NOT NULL,
    idempotency_key text NOT NULL,
    fingerprint bytea NOT NULL,
    UNIQUE (submitted_by, idempotency_key)
);

CREATE UNIQUE INDEX request_once ON request (patient_id, specialty, visit_type)
WHERE status IN ('waiting', 'offered');
CREATE INDEX request_in_line ON request (specialty, visit_type, standing_at, id) WHERE status = 'waiting';
CREATE INDEX request_of_patient ON request (patient_id, id);
CREATE INDEX request_latest ON request (latest) WHERE status = 'waiting';

-- A release may arrive before what it releases: then the row says closed, and the late event changes nothing.
CREATE TABLE freed_slot (
    freed_id uuid PRIMARY KEY,
    version integer NOT NULL,
    slot jsonb,
    starts_at timestamptz NOT NULL,
    open_until timestamptz,
    state text NOT NULL CHECK (state IN ('open', 'closed')),
    CHECK (state = 'closed' OR (slot IS NOT NULL AND open_until IS NOT NULL))
);

CREATE INDEX freed_slot_open ON freed_slot (starts_at) WHERE state = 'open';

CREATE TABLE offer (
    id uuid PRIMARY KEY,
    freed_id uuid NOT NULL REFERENCES freed_slot (freed_id),
    request_id uuid NOT NULL REFERENCES request (id),
    patient_id text NOT NULL,
    slot jsonb NOT NULL,
    state text NOT NULL CHECK (state IN ('securing', 'open', 'accepted', 'declined', 'expired', 'void')),
    made_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    accepted_by text NOT NULL DEFAULT '',
    appointment_id text NOT NULL DEFAULT ''
);

-- The arbiters: one live offer a slot, one live offer a request, nobody asked twice about one slot.
CREATE UNIQUE INDEX offer_one_a_slot ON offer (freed_id) WHERE state IN ('securing', 'open');
CREATE UNIQUE INDEX offer_one_a_request ON offer (request_id) WHERE state IN ('securing', 'open');
CREATE UNIQUE INDEX offer_once ON offer (freed_id, request_id);
CREATE INDEX offer_due ON offer (expires_at) WHERE state IN ('securing', 'open');

-- How many wait for a specialty at a facility; the version grows when the answer to "anybody?" changes.
CREATE TABLE demand (
    facility_id text NOT NULL,
    specialty text NOT NULL,
    waiting integer NOT NULL CHECK (waiting >= 0),
    version bigint NOT NULL,
    PRIMARY KEY (facility_id, specialty)
);

CREATE TABLE facility (
    facility_id text PRIMARY KEY,
    version bigint NOT NULL,
    latitude double precision NOT NULL,
    longitude double precision NOT NULL,
    active boolean NOT NULL
);

CREATE TABLE patient (
    patient_id text PRIMARY KEY,
    version bigint NOT NULL,
    timezone text NOT NULL,
    active boolean NOT NULL
);

CREATE TABLE proxy (
    proxy_id text PRIMARY KEY,
    version bigint NOT NULL,
    patient_id text NOT NULL,
    person text NOT NULL,
    expires_at timestamptz NOT NULL,
    active boolean NOT NULL
);

CREATE INDEX proxy_of_patient ON proxy (patient_id);

-- Express consent to offers (47 CFR 64.1200(f)(9)); no row: none was given.
CREATE TABLE consent (
    patient_id text PRIMARY KEY,
    version bigint NOT NULL,
    offers boolean NOT NULL
);
