-- +goose Up

-- The sequence of the last message on an order's subject, as far as this database knows: with an
-- external NATS the next one is published only if the stream still ends there.
CREATE TABLE order_sequences (
  subject  TEXT NOT NULL PRIMARY KEY, -- without the prefix, as in the outbox
  sequence INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
