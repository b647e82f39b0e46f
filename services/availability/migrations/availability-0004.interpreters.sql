-- depends: availability-0003.search-changes
-- Interpreters as the directory tells them, and which of them appointments occupy. docs/decisions/0015.

CREATE TABLE interpreter (
    interpreter_id text PRIMARY KEY,
    version bigint NOT NULL,
    name text NOT NULL,
    languages text [] NOT NULL,
    facility_ids text [] NOT NULL,
    remote boolean NOT NULL,
    timezone text NOT NULL,
    weekdays text [] NOT NULL,
    starts time NOT NULL,
    ends time NOT NULL,
    days_off date [] NOT NULL,
    active boolean NOT NULL
);

CREATE INDEX interpreter_language ON interpreter USING gin (languages);

ALTER TABLE busy ADD COLUMN interpreter_id text NOT NULL DEFAULT '';
-- Few appointments have an interpreter: a small index, made while the table is as small.
-- squawk-ignore require-concurrent-index-creation
CREATE INDEX busy_interpreter ON busy (interpreter_id, starts_at) WHERE live AND interpreter_id <> '';
