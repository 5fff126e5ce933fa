-- +goose Up

-- What an account's requests came to: with empty dates all of them, with dates the complete responses about
-- that range of order dates. One table instead of two: each commit writes to it.
CREATE TABLE responses (
  provider        TEXT NOT NULL,
  account         TEXT NOT NULL,
  from_on         TEXT NOT NULL,
  to_on           TEXT NOT NULL,
  requested_at    TEXT,
  last_failure_at TEXT,
  failure_code    TEXT,
  PRIMARY KEY (provider, account, from_on, to_on)
) STRICT, WITHOUT ROWID;

INSERT INTO responses (provider, account, from_on, to_on, requested_at, last_failure_at, failure_code)
SELECT provider, account, '', '', last_success_at, last_failure_at, failure_code FROM freshness;
INSERT INTO responses (provider, account, from_on, to_on, requested_at)
SELECT provider, account, from_on, to_on, requested_at FROM complete_responses;

DROP TABLE complete_responses;
DROP TABLE freshness;
CREATE VIEW freshness AS
SELECT provider, account, requested_at AS last_success_at, last_failure_at, failure_code FROM responses WHERE from_on = '';
