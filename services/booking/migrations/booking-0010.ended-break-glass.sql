-- depends: booking-0009.capacity-sessions
-- Emergency accesses ended before their time, as long as a token of theirs could be shown. docs/decisions/0112.

CREATE TABLE ended_break_glass (
    grant_id text PRIMARY KEY,
    until timestamptz NOT NULL
);
