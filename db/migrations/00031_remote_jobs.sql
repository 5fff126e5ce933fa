-- +goose Up

-- An attempt that a fetcher makes. It goes on when the process that queued it ends.
ALTER TABLE jobs ADD COLUMN remote INTEGER NOT NULL DEFAULT 0;
