-- depends: directory-0001.records
-- Patients found to be one person, and what outside systems call our records. docs/decisions/0080-fhir-import.md and
-- 0081-patient-merge.md.

CREATE TABLE patient_merges (
    replaced_id text PRIMARY KEY REFERENCES patients (patient_id),
    survivor_id text NOT NULL REFERENCES patients (patient_id),
    merged_at timestamptz NOT NULL,
    merged_by text NOT NULL,
    version bigint NOT NULL,
    CHECK (replaced_id <> survivor_id)
);

CREATE INDEX patient_merges_by_survivor ON patient_merges (survivor_id);

CREATE TABLE business_identifiers (
    identifier text PRIMARY KEY,
    record_id text NOT NULL,
    version bigint NOT NULL
);

CREATE INDEX business_identifiers_by_record ON business_identifiers (record_id);

-- Whoever merges looks for what the replaced record did for others.
-- squawk-ignore require-concurrent-index-creation
CREATE INDEX proxies_by_person ON proxies (person);
