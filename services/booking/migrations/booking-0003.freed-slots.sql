-- depends: booking-0002.projections
-- Slots that were given up while somebody waits for one like them. docs/decisions/0041-freed-slots.md.

-- Who waits where, as waitlist tells it: without it nobody's slot is kept back.
CREATE TABLE waiting_demand (
    facility_id text NOT NULL,
    specialty text NOT NULL,
    waiting boolean NOT NULL,
    version bigint NOT NULL,
    PRIMARY KEY (facility_id, specialty)
);

CREATE TABLE freed_slot (
    id uuid PRIMARY KEY,
    appointment_id uuid NOT NULL REFERENCES appointment (id),
    clinician_id text NOT NULL,
    facility_id text NOT NULL,
    specialty text NOT NULL,
    visit_type text NOT NULL,
    slot_id text NOT NULL,
    starts_at timestamptz NOT NULL,
    ends_at timestamptz NOT NULL CHECK (ends_at > starts_at),
    timezone text NOT NULL,
    resources jsonb NOT NULL,
    schedule_version bigint NOT NULL,
    open_until timestamptz NOT NULL,
    state text NOT NULL CHECK (state IN ('open', 'released', 'expired', 'taken')),
    version integer NOT NULL CHECK (version > 0),
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL
);

CREATE INDEX freed_slot_expiry ON freed_slot (open_until) WHERE state = 'open';

-- A claim belongs to an appointment or to a freed slot. The former version goes on writing the first kind.
ALTER TABLE claim ADD COLUMN freed_id uuid;
ALTER TABLE claim ADD CONSTRAINT claim_freed_slot FOREIGN KEY (freed_id) REFERENCES freed_slot (id) NOT VALID;
-- Both only allow more; nothing names the key, and claim_of_appointment keeps what it promised.
-- squawk-ignore ban-drop-constraint
ALTER TABLE claim DROP CONSTRAINT claim_pkey;
-- squawk-ignore ban-drop-not-null
ALTER TABLE claim ALTER COLUMN appointment_id DROP NOT NULL;
ALTER TABLE claim ADD CONSTRAINT claim_one_owner CHECK (num_nonnulls(appointment_id, freed_id) = 1) NOT VALID;
-- Claims of the past are purged: some tens of thousands of rows, indexed within the lock timeout's order of time.
-- squawk-ignore require-concurrent-index-creation
CREATE UNIQUE INDEX claim_of_appointment ON claim (appointment_id, kind, resource_id);
-- squawk-ignore require-concurrent-index-creation
CREATE UNIQUE INDEX claim_of_freed_slot ON claim (freed_id, kind, resource_id) WHERE freed_id IS NOT NULL;
