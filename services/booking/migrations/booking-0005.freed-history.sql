-- depends: booking-0004.merges
-- Every step of a freed slot, in the order of the change feed: without it a projection of what is kept from search could
-- not be made anew. Ids come from the appointments' history, so that one cursor (xid, id) serves both.

CREATE TABLE freed_history (
    id bigint PRIMARY KEY DEFAULT nextval(pg_get_serial_sequence('status_history', 'id')),
    xid xid8 NOT NULL DEFAULT pg_current_xact_id(),
    freed_id uuid NOT NULL REFERENCES freed_slot (id),
    version integer NOT NULL,
    at timestamptz NOT NULL,
    event_type text NOT NULL,
    event jsonb NOT NULL,
    UNIQUE (freed_id, version)
);

CREATE INDEX freed_history_feed ON freed_history (xid, id);

CREATE TRIGGER freed_history_append_only
BEFORE UPDATE OR DELETE OR TRUNCATE ON freed_history
FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- Those of before, as they stand. Their claims' times are told as what they were kept until.
INSERT INTO freed_history (freed_id, version, at, event_type, event)
SELECT
    f.id, f.version, f.updated_at,
    CASE WHEN f.state = 'open' THEN 'booking.slot-freed.v1' ELSE 'booking.slot-released.v1' END,
    jsonb_build_object(
        'freed_id', f.id, 'version', f.version, 'clinician_id', f.clinician_id, 'facility_id', f.facility_id,
        'starts_at', f.starts_at, 'ends_at', f.ends_at,
        'lane', (SELECT r -> 'lane' FROM jsonb_array_elements(f.resources) AS r WHERE r ->> 'kind' = 'clinician'),
        'slot_id', f.slot_id, 'specialty', f.specialty, 'visit_type', f.visit_type, 'timezone', f.timezone,
        'schedule_version', f.schedule_version, 'resources', f.resources, 'open_until', f.open_until,
        'outcome', f.state
    )
FROM freed_slot AS f;
