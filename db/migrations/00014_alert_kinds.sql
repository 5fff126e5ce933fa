-- +goose Up

-- The kind of the job that raised an alert, where alerts of that kind come and go apart
-- from those about orders: despatch, invoice or check; else ''.
ALTER TABLE alerts ADD COLUMN kind TEXT NOT NULL DEFAULT '';
UPDATE alerts SET kind = j.kind FROM jobs AS j WHERE j.job_id = alerts.job_id AND j.kind IN ('despatch', 'invoice', 'check');

DROP INDEX alerts_raised;
CREATE UNIQUE INDEX alerts_raised ON alerts (provider, account, user, code, kind) WHERE state = 'raised';
