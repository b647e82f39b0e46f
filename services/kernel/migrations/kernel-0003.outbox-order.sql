-- depends: kernel-0002.aliases
-- What is unsent is read in order through outbox_unsent alone: beside a key on id, the planner would walk the rows sent
-- in the last days to find the next hundred. A row is known by its event's id, which is unique.

-- Nothing names the key; ids come from their sequence.
-- squawk-ignore ban-drop-constraint
ALTER TABLE outbox DROP CONSTRAINT outbox_pkey;
