-- depends: booking-0010.ended-break-glass
-- A session with places keeps every lane of its clinician and room, not the first alone: a template that was changed
-- may have offered the same time with two lanes.

-- Few rows: those of sessions alone.
-- squawk-ignore require-concurrent-index-creation
CREATE UNIQUE INDEX claim_of_session_lane ON claim (session_id, kind, resource_id, lane) WHERE session_id IS NOT NULL;
-- squawk-ignore require-concurrent-index-deletion
DROP INDEX claim_of_session;
