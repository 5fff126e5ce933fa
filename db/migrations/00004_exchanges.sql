-- +goose Up

-- What went over the wire, without secrets: of answers that could not be read, for now.
-- Headers are as on the wire, a line each; of a body the first 64 KiB are kept. NULL is
-- where there was nothing, or nothing may be stored. response_bytes is how long the
-- answer's body was, as far as it was read; truncated is 1 where a body goes on after
-- what is kept of it. Newer rows have higher ids.
CREATE TABLE exchanges (
  exchange_id      INTEGER PRIMARY KEY,
  run_id           TEXT,
  job_id           TEXT REFERENCES jobs (job_id) ON DELETE CASCADE,
  provider         TEXT NOT NULL,
  account          TEXT,
  op               TEXT NOT NULL,
  method           TEXT NOT NULL,
  url              TEXT NOT NULL,
  status           INTEGER,
  started_at       TEXT NOT NULL,
  duration_ms      INTEGER NOT NULL,
  request_headers  TEXT,
  request_body     TEXT,
  response_headers TEXT,
  response_body    TEXT,
  response_bytes   INTEGER NOT NULL,
  truncated        INTEGER NOT NULL CHECK (truncated IN (0, 1)),
  error_code       TEXT,
  error            TEXT
) STRICT;

CREATE INDEX exchanges_job ON exchanges (job_id);
CREATE INDEX exchanges_provider ON exchanges (provider, exchange_id);
