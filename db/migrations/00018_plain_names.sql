-- +goose Up

-- Columns have the names of the documents. jobs.dispatch says what a job waits for before its message is
-- published: 'pending_slot' for a low-priority slot of its provider, 'blocked' for the end of an earlier run of
-- the same schedule; 'dispatched' jobs occupy a slot. It was turn, with 'held', 'behind' and 'out'.
ALTER TABLE jobs ADD COLUMN dispatch TEXT CHECK (dispatch IN ('pending_slot', 'blocked', 'dispatched'));
UPDATE jobs SET dispatch = CASE turn WHEN 'held' THEN 'pending_slot' WHEN 'behind' THEN 'blocked' ELSE 'dispatched' END
 WHERE turn IS NOT NULL;
DROP INDEX jobs_turn;
ALTER TABLE jobs DROP COLUMN turn;
ALTER TABLE jobs RENAME COLUMN turn_at TO dispatched_at;
CREATE INDEX jobs_dispatch ON jobs (provider, dispatch, job_id) WHERE dispatch IS NOT NULL;

-- How many jobs of low priority run at once, NULL for a run of normal priority; and the digest of what a run
-- requests: an equal request joins a run that is queued.
ALTER TABLE runs RENAME COLUMN lane TO low_priority_slots;
ALTER TABLE runs RENAME COLUMN asks TO request_hash;
DROP INDEX runs_asks;
CREATE INDEX runs_request ON runs (request_hash) WHERE state = 'queued';

-- How much of an exchange is recorded: 'full' or 'metadata'.
ALTER TABLE exchanges RENAME COLUMN kept TO detail;
