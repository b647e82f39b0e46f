-- depends: availability-0001.schedules
-- Adaptive slotting: what visits taught, how sessions were laid out by it and why.
-- A patient is a number here (a hash of the id): enough to count, no use for finding anyone. Visits under 42 CFR Part 2
-- have no row.
-- Tables are small or rebuilt within an hour (working time is derived), so blocking writes for a moment is fine:
-- squawk-ignore-file constraint-missing-not-valid, adding-serial-primary-key-field, require-concurrent-index-creation
-- squawk-ignore-file disallowed-unique-constraint, ban-drop-constraint

ALTER TABLE template ADD COLUMN adaptive boolean NOT NULL DEFAULT false;

CREATE INDEX template_adaptive ON template (clinician_id) WHERE adaptive;

-- Part of a session in which more lanes are open than in the rest: 0 is the session itself.
ALTER TABLE working_session ADD COLUMN layer smallint NOT NULL DEFAULT 0;
ALTER TABLE working_session DROP CONSTRAINT working_session_pkey;
ALTER TABLE working_session
ADD CONSTRAINT working_session_pkey PRIMARY KEY (clinician_id, starts_at, template_id, layer);

-- A place kept for urgent visits is busy for everyone else until `expires_at`; its local day says that it is one.
ALTER TABLE busy ADD COLUMN reserved_day date;

CREATE INDEX busy_reserved ON busy (clinician_id, reserved_day) WHERE reserved_day IS NOT NULL;

-- A learnt length gives way to one that people chose.
ALTER TABLE visit_length ADD COLUMN learnt boolean NOT NULL DEFAULT false;
ALTER TABLE visit_length ADD COLUMN expected double precision;
ALTER TABLE visit_length ADD COLUMN variation double precision;
ALTER TABLE visit_length ADD COLUMN visits integer NOT NULL DEFAULT 0;
ALTER TABLE visit_length ADD COLUMN reasons text [] NOT NULL DEFAULT '{}';

CREATE TABLE visit (
    appointment_id text PRIMARY KEY,
    version bigint NOT NULL,
    patient_key bigint NOT NULL,
    clinician_id text NOT NULL,
    facility_id text NOT NULL,
    specialty text NOT NULL,
    visit_type text NOT NULL,
    timezone text NOT NULL,
    starts_at timestamptz NOT NULL,
    ends_at timestamptz NOT NULL,
    status text NOT NULL,
    booked_at timestamptz,
    checked_in_at timestamptz,
    ended_at timestamptz
);

CREATE INDEX visit_patient ON visit (patient_key) WHERE status IN ('fulfilled', 'noshow');
CREATE INDEX visit_measured ON visit (clinician_id, ended_at) WHERE ended_at IS NOT NULL;
CREATE INDEX visit_measured_type ON visit (visit_type, ended_at) WHERE ended_at IS NOT NULL;
CREATE INDEX visit_booked ON visit (booked_at);
CREATE INDEX visit_ended ON visit (ends_at);

CREATE TABLE surge (
    facility_id text NOT NULL,
    specialty text NOT NULL,
    demand_index double precision NOT NULL,
    active boolean NOT NULL,
    reason text NOT NULL,
    PRIMARY KEY (facility_id, specialty)
);

CREATE TABLE slot_plan (
    clinician_id text NOT NULL,
    starts_at timestamptz NOT NULL,
    template_id text NOT NULL,
    ends_at timestamptz NOT NULL,
    day date NOT NULL,
    grid_minutes integer NOT NULL,
    made_at timestamptz NOT NULL,
    content jsonb NOT NULL,
    PRIMARY KEY (clinician_id, starts_at, template_id)
);

CREATE INDEX slot_plan_day ON slot_plan (clinician_id, day);

-- Days whose plan no longer fits what is booked; 'infinity' is the whole schedule.
CREATE TABLE slot_plan_stale (
    clinician_id text NOT NULL,
    day date NOT NULL,
    PRIMARY KEY (clinician_id, day)
);
