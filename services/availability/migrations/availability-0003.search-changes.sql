-- depends: availability-0002.adaptive-slotting
-- What search in memory has to read again, written by whatever transaction changes it: triggers, so that no way into
-- these tables can forget it. A row names what is affected, not what it became: readers look again, so that reading a
-- change twice, late or out of order does no harm. Readers keep a cursor (xid, id); see docs/decisions/0091.
-- Rows are dropped after a quarter of an hour; a reader that was away longer reads everything anew.

CREATE TABLE search_change (
    xid xid8 NOT NULL DEFAULT pg_current_xact_id(),
    id bigint GENERATED ALWAYS AS IDENTITY,
    at timestamptz NOT NULL DEFAULT now(),
    kind text NOT NULL,
    -- Of a room: its facility. Of times: the clinician. Of a record: its id.
    about text NOT NULL,
    room_id text NOT NULL DEFAULT '',
    -- The times affected, where not all of them are.
    starts_at timestamptz,
    ends_at timestamptz,
    PRIMARY KEY (xid, id)
);

CREATE FUNCTION search_busy_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP <> 'INSERT' THEN
        INSERT INTO search_change (kind, about, starts_at, ends_at)
        SELECT 'busy', clinician_id, starts_at, ends_at FROM former WHERE live;
        INSERT INTO search_change (kind, about, room_id, starts_at, ends_at)
        SELECT 'room', facility_id, room_id, starts_at, ends_at FROM former WHERE live AND room_id <> '';
    END IF;
    IF TG_OP <> 'DELETE' THEN
        INSERT INTO search_change (kind, about, starts_at, ends_at)
        SELECT 'busy', clinician_id, starts_at, ends_at FROM latter WHERE live;
        INSERT INTO search_change (kind, about, room_id, starts_at, ends_at)
        SELECT 'room', facility_id, room_id, starts_at, ends_at FROM latter WHERE live AND room_id <> '';
    END IF;
    RETURN NULL;
END $$;

CREATE TRIGGER search_busy_added AFTER INSERT ON busy
REFERENCING NEW TABLE AS latter FOR EACH STATEMENT EXECUTE FUNCTION search_busy_changed();
CREATE TRIGGER search_busy_altered AFTER UPDATE ON busy
REFERENCING OLD TABLE AS former NEW TABLE AS latter FOR EACH STATEMENT EXECUTE FUNCTION search_busy_changed();
CREATE TRIGGER search_busy_removed AFTER DELETE ON busy
REFERENCING OLD TABLE AS former FOR EACH STATEMENT EXECUTE FUNCTION search_busy_changed();

CREATE FUNCTION search_working_time_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP <> 'INSERT' THEN
        INSERT INTO search_change (kind, about, starts_at, ends_at)
        SELECT 'working', clinician_id, min(starts_at), max(ends_at) FROM former GROUP BY clinician_id;
    END IF;
    IF TG_OP <> 'DELETE' THEN
        INSERT INTO search_change (kind, about, starts_at, ends_at)
        SELECT 'working', clinician_id, min(starts_at), max(ends_at) FROM latter GROUP BY clinician_id;
    END IF;
    RETURN NULL;
END $$;

CREATE TRIGGER search_working_time_added AFTER INSERT ON working_session
REFERENCING NEW TABLE AS latter FOR EACH STATEMENT EXECUTE FUNCTION search_working_time_changed();
CREATE TRIGGER search_working_time_altered AFTER UPDATE ON working_session
REFERENCING OLD TABLE AS former NEW TABLE AS latter FOR EACH STATEMENT EXECUTE FUNCTION search_working_time_changed();
CREATE TRIGGER search_working_time_removed AFTER DELETE ON working_session
REFERENCING OLD TABLE AS former FOR EACH STATEMENT EXECUTE FUNCTION search_working_time_changed();

-- Facilities, clinicians, schedules (their versions), visit types and lengths are few: the whole record is read again.
CREATE FUNCTION search_record_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP <> 'INSERT' THEN
        EXECUTE format(
            'INSERT INTO search_change (kind, about) SELECT DISTINCT %L, %I FROM former', TG_ARGV[0], TG_ARGV[1]
        );
    END IF;
    IF TG_OP <> 'DELETE' THEN
        EXECUTE format(
            'INSERT INTO search_change (kind, about) SELECT DISTINCT %L, %I FROM latter', TG_ARGV[0], TG_ARGV[1]
        );
    END IF;
    RETURN NULL;
END $$;

DO $$
DECLARE
    watched record;
BEGIN
    FOR watched IN
        SELECT * FROM (VALUES
            ('facility', 'facility', 'facility_id'),
            ('clinician', 'clinician', 'clinician_id'),
            ('schedule', 'clinician', 'clinician_id'),
            ('visit_length', 'clinician', 'clinician_id'),
            ('visit_type', 'visit-type', 'visit_type')
        ) AS w (relation, kind, about)
    LOOP
        EXECUTE format(
            'CREATE TRIGGER search_%1$s_added AFTER INSERT ON %1$I REFERENCING NEW TABLE AS latter '
            'FOR EACH STATEMENT EXECUTE FUNCTION search_record_changed(%2$L, %3$L)',
            watched.relation, watched.kind, watched.about
        );
        EXECUTE format(
            'CREATE TRIGGER search_%1$s_altered AFTER UPDATE ON %1$I REFERENCING OLD TABLE AS former NEW TABLE AS latter '
            'FOR EACH STATEMENT EXECUTE FUNCTION search_record_changed(%2$L, %3$L)',
            watched.relation, watched.kind, watched.about
        );
        EXECUTE format(
            'CREATE TRIGGER search_%1$s_removed AFTER DELETE ON %1$I REFERENCING OLD TABLE AS former '
            'FOR EACH STATEMENT EXECUTE FUNCTION search_record_changed(%2$L, %3$L)',
            watched.relation, watched.kind, watched.about
        );
    END LOOP;
END $$;

-- A search asks for the lengths of one visit type. The table is small.
-- squawk-ignore require-concurrent-index-creation
CREATE INDEX visit_length_type ON visit_length (visit_type, clinician_id) INCLUDE (minutes);
