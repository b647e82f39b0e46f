-- depends:
-- Outbox: events and audit entries commit with the state they tell of. Inbox: effects of an event commit once.

CREATE TABLE outbox (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    event_id uuid NOT NULL UNIQUE,
    channel text NOT NULL CHECK (channel IN ('bus', 'audit')),
    type text NOT NULL,
    source text NOT NULL,
    occurred_at timestamptz NOT NULL,
    correlation_id text NOT NULL,
    data jsonb NOT NULL,
    attempts integer NOT NULL DEFAULT 0,
    next_attempt_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    sent_at timestamptz
);

CREATE INDEX outbox_unsent ON outbox (channel, id) WHERE sent_at IS NULL;

CREATE TABLE inbox (
    consumer text NOT NULL,
    event_id uuid NOT NULL,
    taken_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (consumer, event_id)
);
