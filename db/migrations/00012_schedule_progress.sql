-- +goose Up

-- How far the due times of a schedule are known to this database. first_seen_at is when a worker first
-- had the schedule: without a tick on record, its due times count from there. accounted_at is until when
-- a worker with another database recorded them, NULL while none did.
CREATE TABLE schedule_progress (
  schedule      TEXT NOT NULL PRIMARY KEY,
  first_seen_at TEXT NOT NULL,
  accounted_at  TEXT
) STRICT, WITHOUT ROWID;
