-- +goose Up

-- Jobs of an account are listed without reading those of all accounts.
CREATE INDEX jobs_account ON jobs (account, job_id, provider);
