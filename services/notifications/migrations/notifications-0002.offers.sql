-- depends: notifications-0001.messages
-- Messages about waitlist's offers of freed slots.

-- One kind more is allowed; the same transaction puts it back.
-- squawk-ignore ban-drop-constraint
ALTER TABLE messages DROP CONSTRAINT messages_kind_check;
ALTER TABLE messages ADD CONSTRAINT messages_kind_check CHECK (
    kind IN ('confirmation', 'reminder-7d', 'reminder-3d', 'reminder-1d', 'moved', 'cancelled', 'offer')
) NOT VALID;
