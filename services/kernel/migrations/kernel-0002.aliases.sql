-- depends: kernel-0001.messages
-- Ids that another id stands for since two records were found to be one, as their owner told it.

CREATE TABLE alias (
    id text PRIMARY KEY,
    stands_for text NOT NULL,
    version bigint NOT NULL,
    CHECK (id <> stands_for)
);

CREATE INDEX alias_stands_for ON alias (stands_for);
