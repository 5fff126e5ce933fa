-- +goose Up

-- crashes counts how often the process ended, without having been told to stop, while the
-- job was running.
ALTER TABLE jobs ADD COLUMN crashes INTEGER NOT NULL DEFAULT 0;

-- One row while the process stops, or has stopped, because it was told to. The next one
-- that opens the database deletes it.
CREATE TABLE shutdown (
  started_at TEXT NOT NULL
) STRICT;
