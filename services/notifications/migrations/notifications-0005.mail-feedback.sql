-- depends: notifications-0004.disruptions
-- Addresses mail came back from for good, and whose readers want none: not used again. docs/decisions/0111.

CREATE TABLE unusable_addresses (
    address text PRIMARY KEY CHECK (address = lower(address)),
    reason text NOT NULL CHECK (reason IN ('bounced', 'complained')),
    at timestamptz NOT NULL
);
