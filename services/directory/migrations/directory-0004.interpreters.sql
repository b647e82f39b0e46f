-- depends: directory-0003.labels-and-break-glass
-- Interpreters, with the hours in which they can be had. docs/decisions/0015.

CREATE TABLE interpreters (
    interpreter_id text PRIMARY KEY,
    name text NOT NULL,
    languages text [] NOT NULL CHECK (cardinality(languages) > 0),
    facility_ids text [] NOT NULL,
    remote boolean NOT NULL CHECK (remote OR cardinality(facility_ids) > 0),
    timezone text NOT NULL,
    weekdays text [] NOT NULL CHECK (cardinality(weekdays) > 0),
    starts text NOT NULL,
    ends text NOT NULL,
    days_off text [] NOT NULL,
    active boolean NOT NULL,
    version bigint NOT NULL
);

CREATE INDEX interpreters_by_language ON interpreters USING gin (languages);
