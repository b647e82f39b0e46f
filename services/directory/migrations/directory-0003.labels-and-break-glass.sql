-- depends: directory-0002.merges
-- Who may know of visits, until when proxies do, and who opened a record in an emergency.
-- docs/decisions/0070-who-sees-what.md, 0071-break-glass.md

ALTER TABLE visit_types ADD COLUMN security_label text NOT NULL DEFAULT 'N';
ALTER TABLE visit_types ADD CONSTRAINT visit_types_security_label
CHECK (security_label IN ('N', 'R', 'ETH')) NOT VALID;

ALTER TABLE proxies ADD COLUMN kind text NOT NULL DEFAULT 'granted';
ALTER TABLE proxies ADD CONSTRAINT proxies_kind CHECK (kind IN ('granted', 'parental')) NOT VALID;
ALTER TABLE proxies ADD COLUMN confidential_until timestamptz;
ALTER TABLE role_assignments ADD COLUMN clearances text [] NOT NULL DEFAULT '{}';

CREATE TABLE break_glass (
    grant_id text PRIMARY KEY,
    subject text NOT NULL,
    role text NOT NULL,
    patient_id text NOT NULL REFERENCES patients (patient_id),
    reason text NOT NULL,
    note text NOT NULL,
    opened_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL CHECK (expires_at > opened_at),
    ended_at timestamptz,
    version bigint NOT NULL
);

CREATE INDEX break_glass_by_opening ON break_glass (opened_at, grant_id);
