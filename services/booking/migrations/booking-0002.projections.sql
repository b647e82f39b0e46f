-- depends: booking-0001.appointments
-- What booking remembers of its neighbours' events, so that it can refuse and allow without asking them.

-- A withdrawal may arrive before what it withdraws: it leaves a row that says so, and the late record changes nothing.
CREATE TABLE blocked_period (
    block_id text PRIMARY KEY,
    kind text NOT NULL CHECK (kind IN ('clinician', 'facility')),
    subject_id text NOT NULL,
    period tstzrange,
    withdrawn boolean NOT NULL,
    CHECK (withdrawn OR period IS NOT NULL)
);

CREATE INDEX blocked_period_of_subject ON blocked_period (subject_id) WHERE NOT withdrawn;

CREATE TABLE patient (
    patient_id text PRIMARY KEY,
    version integer NOT NULL,
    facility_ids text [] NOT NULL,
    active boolean NOT NULL
);

CREATE TABLE proxy (
    proxy_id text PRIMARY KEY,
    version integer NOT NULL,
    patient_id text NOT NULL,
    person text NOT NULL,
    expires_at timestamptz NOT NULL,
    active boolean NOT NULL
);

CREATE INDEX proxy_of_patient ON proxy (patient_id);
