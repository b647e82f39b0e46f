-- depends: notifications-0001.messages
-- Messages about waitlist's offers of freed slots.

ALTER TABLE messages DROP CONSTRAINT messages_kind_check;
ALTER TABLE messages ADD CONSTRAINT messages_kind_check CHECK (
    kind IN ('confirmation', 'reminder-7d', 'reminder-3d', 'reminder-1d', 'moved', 'cancelled', 'offer')
) NOT VALID;
