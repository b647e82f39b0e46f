-- depends: waitlist-0001.requests
-- Who may know what somebody waits for. docs/decisions/0070-who-sees-what.md.

-- Until then the proxy knows of restricted visits; null: never.
ALTER TABLE proxy ADD COLUMN confidential_until timestamptz;

CREATE TABLE visit_type (
    code text PRIMARY KEY,
    version bigint NOT NULL,
    security_label text NOT NULL CHECK (security_label IN ('N', 'R', 'ETH'))
);
