-- depends: waitlist-0002.security-labels
-- The language an interpreter is needed for, '' where none is. docs/decisions/0015.

ALTER TABLE request ADD COLUMN interpreter text NOT NULL DEFAULT '';
