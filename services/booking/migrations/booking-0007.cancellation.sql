-- depends: booking-0006.security-labels
-- Series booked together, cancellations that were late, and the rules that say so. docs/decisions/0060-disruptions.md.

ALTER TABLE appointment ADD COLUMN series_id uuid;
ALTER TABLE appointment ADD COLUMN late_cancel boolean NOT NULL DEFAULT false;
ALTER TABLE appointment ADD COLUMN late_waived text NOT NULL DEFAULT '';
-- Few rows: only those of a series.
-- squawk-ignore require-concurrent-index-creation
CREATE INDEX appointment_of_series ON appointment (series_id, starts_at) WHERE series_id IS NOT NULL;
-- Whom a clinician's leave touches; the tables are small when this runs (docs/decisions/0010-claims-arbiter.md).
-- squawk-ignore require-concurrent-index-creation
CREATE INDEX appointment_of_clinician ON appointment (clinician_id, starts_at);

-- Empty ids stand for every facility and every visit type.
CREATE TABLE late_cancel_rule (
    facility_id text NOT NULL,
    visit_type text NOT NULL,
    hours smallint NOT NULL CHECK (hours BETWEEN 0 AND 336),
    PRIMARY KEY (facility_id, visit_type)
);
