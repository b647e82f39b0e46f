-- depends: booking-0005.freed-history
-- Who may know of a visit. docs/decisions/0070-who-sees-what.md.

ALTER TABLE appointment ADD COLUMN security_label text NOT NULL DEFAULT 'N';
ALTER TABLE appointment ADD CONSTRAINT appointment_security_label
CHECK (security_label IN ('N', 'R', 'ETH')) NOT VALID;

-- Until then the proxy knows of restricted visits; null: never.
ALTER TABLE proxy ADD COLUMN confidential_until timestamptz;

CREATE TABLE visit_type (
    code text PRIMARY KEY,
    version integer NOT NULL,
    security_label text NOT NULL CHECK (security_label IN ('N', 'R', 'ETH'))
);
