-- +goose Up

-- A job that had ended may be brought back: its attempts and its time then begin anew,
-- after tried attempts and at retried_at. Its run goes on, and ends once more.
ALTER TABLE jobs ADD COLUMN tried INTEGER NOT NULL DEFAULT 0;
ALTER TABLE jobs ADD COLUMN retried_at TEXT;
ALTER TABLE runs ADD COLUMN reopened INTEGER NOT NULL DEFAULT 0;
