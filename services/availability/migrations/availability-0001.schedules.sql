-- depends:
-- Projections of the directory, schedules and what takes time away from them, occupied time.
-- Instants are UTC; a `day` is the facility's local date. Nothing here names a patient.

CREATE TABLE facility (
    facility_id text PRIMARY KEY,
    version bigint NOT NULL,
    name text NOT NULL,
    latitude double precision NOT NULL,
    longitude double precision NOT NULL,
    timezone text NOT NULL,
    active boolean NOT NULL
);

CREATE INDEX facility_place ON facility (latitude, longitude) WHERE active;

CREATE TABLE clinician (
    clinician_id text PRIMARY KEY,
    version bigint NOT NULL,
    name text NOT NULL,
    specialty text NOT NULL,
    languages text[] NOT NULL,
    facility_ids text[] NOT NULL,
    active boolean NOT NULL
);

CREATE TABLE visit_type (
    visit_type text PRIMARY KEY,
    version bigint NOT NULL,
    specialty text NOT NULL,
    minutes integer NOT NULL,
    active boolean NOT NULL
);

CREATE INDEX visit_type_specialty ON visit_type (specialty);

-- One row a clinician: what changes of a schedule lock, and the version that offers carry.
CREATE TABLE schedule (
    clinician_id text PRIMARY KEY,
    version bigint NOT NULL DEFAULT 0,
    known_until date
);

CREATE TABLE template (
    clinician_id text NOT NULL,
    template_id text NOT NULL,
    version bigint NOT NULL,
    facility_id text NOT NULL,
    room_id text NOT NULL,
    weekdays text[] NOT NULL,
    starts time NOT NULL,
    ends time NOT NULL,
    valid_from date NOT NULL,
    valid_until date,
    interval_weeks integer NOT NULL,
    grid_minutes integer NOT NULL,
    visit_types text[] NOT NULL,
    depth integer NOT NULL,
    observes_holidays boolean NOT NULL,
    PRIMARY KEY (clinician_id, template_id)
);

CREATE INDEX template_facility ON template (facility_id, clinician_id);

CREATE TABLE visit_length (
    clinician_id text NOT NULL,
    visit_type text NOT NULL,
    minutes integer NOT NULL CHECK (minutes BETWEEN 5 AND 480),
    PRIMARY KEY (clinician_id, visit_type)
);

CREATE TABLE leave (
    leave_id uuid PRIMARY KEY,
    clinician_id text NOT NULL,
    starts_at timestamptz NOT NULL,
    ends_at timestamptz NOT NULL,
    CHECK (starts_at < ends_at)
);

CREATE INDEX leave_clinician ON leave (clinician_id, ends_at);

CREATE TABLE closure (
    closure_id uuid PRIMARY KEY,
    facility_id text NOT NULL,
    starts_at timestamptz NOT NULL,
    ends_at timestamptz NOT NULL,
    CHECK (starts_at < ends_at)
);

CREATE INDEX closure_facility ON closure (facility_id, ends_at);

-- Working time: sessions less leave and closures. `anchor_at` is what the grid of starts hangs on.
-- The specialty stands here too, so that one index finds a specialty at a facility in a window.
CREATE TABLE working_session (
    clinician_id text NOT NULL,
    starts_at timestamptz NOT NULL,
    template_id text NOT NULL,
    ends_at timestamptz NOT NULL,
    anchor_at timestamptz NOT NULL,
    day date NOT NULL,
    facility_id text NOT NULL,
    room_id text NOT NULL,
    specialty text NOT NULL,
    grid_minutes integer NOT NULL,
    depth integer NOT NULL,
    visit_types text[] NOT NULL,
    PRIMARY KEY (clinician_id, starts_at, template_id),
    CHECK (starts_at < ends_at)
);

CREATE INDEX working_session_place ON working_session (specialty, facility_id, starts_at);
CREATE INDEX working_session_time ON working_session (specialty, starts_at);

-- What appointments occupy. A hold past `expires_at` occupies nothing, whether or not its end was told yet.
CREATE TABLE busy (
    appointment_id text PRIMARY KEY,
    version bigint NOT NULL,
    clinician_id text NOT NULL,
    facility_id text NOT NULL,
    room_id text NOT NULL,
    starts_at timestamptz NOT NULL,
    ends_at timestamptz NOT NULL,
    lane integer NOT NULL,
    live boolean NOT NULL,
    expires_at timestamptz
);

CREATE INDEX busy_clinician ON busy (clinician_id, starts_at) INCLUDE (ends_at, lane, expires_at) WHERE live;
CREATE INDEX busy_room ON busy (facility_id, room_id, starts_at) INCLUDE (ends_at, expires_at)
WHERE live AND room_id <> '';
