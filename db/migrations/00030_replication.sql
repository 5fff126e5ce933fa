-- +goose Up

-- How far the streams of published messages are contained in this database: its own messages, and those
-- of other processes that were applied.
CREATE TABLE replication (
  topic    TEXT NOT NULL PRIMARY KEY CHECK (topic IN ('orders', 'results', 'alerts')),
  sequence INTEGER NOT NULL -- of the stream
) STRICT, WITHOUT ROWID;
