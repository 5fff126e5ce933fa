-- +goose Up

-- The table jobs is the queue: queued jobs are taken in the order of their ids, and those that wait to be
-- tried again once next_attempt_at has come. No message of a job is on its way any more.
DELETE FROM outbox WHERE topic = 'jobs';
DELETE FROM outbox_attempts WHERE topic = 'jobs';

CREATE INDEX jobs_queued ON jobs (provider, job_id)
  WHERE state = 'queued' AND inline = 0 AND coalesce(dispatch, 'dispatched') = 'dispatched';
CREATE INDEX jobs_waiting ON jobs (provider, next_attempt_at) WHERE state = 'waiting';
