-- depends: availability-0004.interpreters
-- Clinics: sessions whose every start has a number of places, such as flu shots on a Saturday.

CREATE TABLE clinic (
    clinic_id uuid PRIMARY KEY,
    clinician_id text NOT NULL,
    facility_id text NOT NULL,
    room_id text NOT NULL,
    visit_type text NOT NULL,
    starts_at timestamptz NOT NULL,
    ends_at timestamptz NOT NULL CHECK (ends_at > starts_at),
    minutes smallint NOT NULL CHECK (minutes BETWEEN 5 AND 480),
    capacity smallint NOT NULL CHECK (capacity BETWEEN 1 AND 2000)
);

CREATE INDEX clinic_of_visit_type ON clinic (visit_type, ends_at);
CREATE INDEX clinic_of_clinician ON clinic (clinician_id, ends_at);
