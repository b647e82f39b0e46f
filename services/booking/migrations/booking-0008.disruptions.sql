-- depends: booking-0007.cancellation
-- What a leave or a closure does to booked visits, and how each is worked off. docs/decisions/0060-disruptions.md.

-- One for each leave and closure, with its id: a clinician (kind clinician) or a facility is away in the period.
CREATE TABLE disruption (
    id text PRIMARY KEY,
    kind text NOT NULL CHECK (kind IN ('clinician', 'facility')),
    subject_id text NOT NULL,
    starts_at timestamptz NOT NULL,
    ends_at timestamptz NOT NULL CHECK (ends_at >= starts_at),
    opened_at timestamptz NOT NULL,
    withdrawn_at timestamptz
);

CREATE INDEX disruption_of_subject ON disruption (subject_id, starts_at);
CREATE INDEX disruption_running ON disruption (ends_at) WHERE withdrawn_at IS NULL;

-- A visit as it stood when it was found. Its id stands in the patient's link, so it must not be guessable (version 4).
CREATE TABLE disrupted_visit (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    disruption_id text NOT NULL REFERENCES disruption (id),
    appointment_id uuid NOT NULL REFERENCES appointment (id),
    patient_id text NOT NULL,
    clinician_id text NOT NULL,
    facility_id text NOT NULL,
    specialty text NOT NULL,
    visit_type text NOT NULL,
    slot_id text NOT NULL,
    starts_at timestamptz NOT NULL,
    ends_at timestamptz NOT NULL,
    timezone text NOT NULL,
    state text NOT NULL
    CHECK (state IN ('found', 'asked', 'to-call', 'rebooked', 'cancelled', 'restored', 'kept')),
    cause text NOT NULL DEFAULT '',
    found_at timestamptz NOT NULL,
    asked_at timestamptz,
    answer_by timestamptz,
    told_at timestamptz,
    not_reached text NOT NULL DEFAULT '',
    alternatives jsonb NOT NULL DEFAULT '[]',
    searched_at timestamptz,
    ended_at timestamptz
);

-- A visit is worked off once, however many leaves and closures lie over it.
CREATE UNIQUE INDEX disrupted_visit_open ON disrupted_visit (appointment_id)
WHERE state IN ('found', 'asked', 'to-call');
CREATE INDEX disrupted_visit_of_appointment ON disrupted_visit (appointment_id, found_at);
CREATE INDEX disrupted_visit_of_disruption ON disrupted_visit (disruption_id, starts_at, id);
CREATE INDEX disrupted_visit_of_facility ON disrupted_visit (facility_id, starts_at, id);
CREATE INDEX disrupted_visit_due ON disrupted_visit (state, found_at) WHERE state IN ('found', 'asked', 'to-call');

-- Who was told when, how, and what became of it; a call by the front desk stands here too.
CREATE TABLE disruption_telling (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    visit_id uuid NOT NULL REFERENCES disrupted_visit (id),
    kind text NOT NULL,
    channel text NOT NULL,
    outcome text NOT NULL,
    reason text NOT NULL,
    told_by text NOT NULL,
    at timestamptz NOT NULL
);

CREATE INDEX disruption_telling_of_visit ON disruption_telling (visit_id, id);

CREATE TRIGGER disruption_telling_append_only
BEFORE UPDATE OR DELETE OR TRUNCATE ON disruption_telling
FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
