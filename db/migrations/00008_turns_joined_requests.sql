-- +goose Up

-- Jobs that wait for their turn before they go out: 'held' until there is room in their
-- provider's lane, 'behind' until the account's earlier run of the same schedule has ended;
-- 'out' for those that have a place in the lane. turn_at is when a job got its turn.
ALTER TABLE jobs ADD COLUMN turn TEXT CHECK (turn IN ('held', 'behind', 'out'));
ALTER TABLE jobs ADD COLUMN turn_at TEXT;
CREATE INDEX jobs_turn ON jobs (provider, turn, job_id) WHERE turn IS NOT NULL;

-- How many jobs the lane has room for, for runs of low priority, which may be paused.
ALTER TABLE runs ADD COLUMN lane INTEGER;
ALTER TABLE runs ADD COLUMN paused_at TEXT;
ALTER TABLE runs ADD COLUMN note TEXT;

-- What a run asks: a request that asks the same as a run that waits joins it.
ALTER TABLE runs ADD COLUMN asks BLOB;
CREATE INDEX runs_asks ON runs (asks) WHERE state = 'queued';
CREATE TABLE joined_requests (
  key          TEXT NOT NULL PRIMARY KEY,
  run_id       TEXT NOT NULL REFERENCES runs (run_id) ON DELETE CASCADE,
  reply_to     TEXT,
  requested_at TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX joined_requests_run ON joined_requests (run_id);
