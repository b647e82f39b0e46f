-- depends:
-- The directory's records. Each row is the current state; its history is the events in the outbox and the audit trail.

CREATE TABLE specialties (
    code text PRIMARY KEY,
    name text NOT NULL,
    version bigint NOT NULL
);

CREATE TABLE visit_types (
    code text PRIMARY KEY,
    name text NOT NULL,
    specialty text NOT NULL REFERENCES specialties (code),
    minutes integer NOT NULL CHECK (minutes BETWEEN 5 AND 480),
    active boolean NOT NULL,
    version bigint NOT NULL
);

CREATE TABLE facilities (
    facility_id text PRIMARY KEY,
    name text NOT NULL,
    kind text NOT NULL,
    address text NOT NULL,
    city text NOT NULL,
    state text NOT NULL,
    zip_code text NOT NULL CHECK (zip_code ~ '^[0-9]{5}$'),
    latitude double precision NOT NULL CHECK (latitude BETWEEN -90 AND 90),
    longitude double precision NOT NULL CHECK (longitude BETWEEN -180 AND 180),
    timezone text NOT NULL,
    phone text NOT NULL,
    active boolean NOT NULL,
    version bigint NOT NULL
);

CREATE INDEX facilities_by_state ON facilities (state, facility_id);
CREATE INDEX facilities_by_latitude ON facilities (latitude, longitude);

CREATE TABLE clinicians (
    clinician_id text PRIMARY KEY,
    name text NOT NULL,
    specialty text NOT NULL REFERENCES specialties (code),
    languages text [] NOT NULL,
    facility_ids text [] NOT NULL CHECK (cardinality(facility_ids) > 0),
    active boolean NOT NULL,
    version bigint NOT NULL
);

CREATE INDEX clinicians_by_specialty ON clinicians (specialty, clinician_id);
CREATE INDEX clinicians_by_facility ON clinicians USING gin (facility_ids);

CREATE TABLE patients (
    patient_id text PRIMARY KEY,
    given_name text NOT NULL,
    family_name text NOT NULL,
    family_key text NOT NULL,
    birth_date date NOT NULL,
    email text NOT NULL,
    phone text NOT NULL,
    language text NOT NULL,
    timezone text NOT NULL,
    facility_ids text [] NOT NULL CHECK (cardinality(facility_ids) > 0),
    active boolean NOT NULL,
    version bigint NOT NULL
);

-- text_pattern_ops: the search is by the beginning of a name, whatever the database's collation.
CREATE INDEX patients_by_family_name ON patients (family_key text_pattern_ops, birth_date);
CREATE INDEX patients_by_birth_date ON patients (birth_date);
CREATE INDEX patients_by_facility ON patients USING gin (facility_ids);

-- A registration repeated under its idempotency key finds the patient it made.
CREATE TABLE registrations (
    key text PRIMARY KEY,
    patient_id text NOT NULL REFERENCES patients (patient_id),
    digest text NOT NULL,
    registered_at timestamptz NOT NULL DEFAULT clock_timestamp()
);

CREATE TABLE proxies (
    proxy_id text PRIMARY KEY,
    patient_id text NOT NULL REFERENCES patients (patient_id),
    person text NOT NULL,
    expires_at timestamptz NOT NULL,
    active boolean NOT NULL,
    version bigint NOT NULL,
    UNIQUE (patient_id, person)
);

CREATE TABLE role_assignments (
    username text PRIMARY KEY,
    role text NOT NULL,
    facilities text [] NOT NULL,
    person text NOT NULL,
    version bigint NOT NULL,
    -- The version the identity provider has; lower than version while it could not be told.
    applied_version bigint NOT NULL DEFAULT 0,
    tried_at timestamptz
);

CREATE INDEX role_assignments_pending ON role_assignments (username) WHERE applied_version < version;
