-- depends: notifications-0003.discreet-messages
-- Messages about visits that a leave or a closure lies over, and which visits these are.

-- Two kinds more are allowed; the same transaction puts it back.
-- squawk-ignore ban-drop-constraint
ALTER TABLE messages DROP CONSTRAINT messages_kind_check;
ALTER TABLE messages ADD CONSTRAINT messages_kind_check CHECK (
    kind IN (
        'confirmation', 'reminder-7d', 'reminder-3d', 'reminder-1d', 'moved', 'cancelled', 'offer', 'disruption',
        'restored'
    )
) NOT VALID;

-- Nobody is reminded of a visit that cannot take place. Version 1 is open, 2 has ended, in whatever order they come.
CREATE TABLE disrupted_visits (
    visit_id uuid PRIMARY KEY,
    appointment_id uuid NOT NULL,
    version smallint NOT NULL CHECK (version IN (1, 2))
);

CREATE INDEX disrupted_visits_open ON disrupted_visits (appointment_id) WHERE version = 1;
