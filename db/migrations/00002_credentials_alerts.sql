-- +goose Up

-- What is kept of every credential. sealed is its tokens, which the program's key
-- opens; credential is a keyed hash of what the provider last judged: neither tells
-- anything to people. user is '' where tokens are the client's own. A lease belongs to
-- who renews the tokens now; intent_at is when that one began to. lease_until and
-- cooldown_until are rounded up, all other times down.
CREATE TABLE credentials (
  key            TEXT NOT NULL PRIMARY KEY,
  provider       TEXT NOT NULL,
  environment    TEXT NOT NULL,
  user           TEXT NOT NULL,
  state          TEXT NOT NULL,
  generation     INTEGER NOT NULL,
  sealed         TEXT,
  obtained_at    TEXT,
  refresh_at     TEXT,
  expires_at     TEXT,
  expiry_source  TEXT,
  consented_at   TEXT,
  consent_reason TEXT,
  credential     TEXT,
  lease_owner    TEXT,
  lease_until    TEXT,
  intent_at      TEXT,
  lost           INTEGER NOT NULL DEFAULT 0,
  failures       INTEGER NOT NULL DEFAULT 0,
  refusals       INTEGER NOT NULL DEFAULT 0,
  failure_class  TEXT,
  failure_status INTEGER,
  failure_code   TEXT,
  failure_reason TEXT,
  failed_at      TEXT,
  cooldown_until TEXT,
  logins         INTEGER NOT NULL DEFAULT 0,
  replays        INTEGER NOT NULL DEFAULT 0,
  saved          INTEGER NOT NULL DEFAULT 0,
  updated_at     TEXT NOT NULL
) STRICT;

-- What a person should look at, or should have. account and user are '' for what is
-- about neither: then it is about the provider. run_id and job_id are what raised it.
-- An id is never used again, because messages are known by it.
CREATE TABLE alerts (
  alert_id    INTEGER PRIMARY KEY AUTOINCREMENT,
  provider    TEXT NOT NULL,
  account     TEXT NOT NULL,
  user        TEXT NOT NULL,
  code        TEXT NOT NULL,
  state       TEXT NOT NULL CHECK (state IN ('raised', 'resolved')),
  message     TEXT NOT NULL,
  hint        TEXT NOT NULL,
  link        TEXT,
  since       TEXT NOT NULL,
  resolved_at TEXT,
  run_id      TEXT,
  job_id      TEXT
) STRICT;

CREATE UNIQUE INDEX alerts_raised ON alerts (provider, account, user, code) WHERE state = 'raised';

-- What waits for a person's consent is asked for again when it comes.
CREATE INDEX jobs_unconsented ON jobs (provider, account, job_id)
  WHERE state = 'failed' AND error_code = 'consent_required';

-- One row for every account that was asked about or has an alert, and one without an
-- account for a provider that has no such account. Credentials and alerts that are about
-- the whole provider, or one of its users, stand in all of its rows. Of the credentials
-- of one user, or of the client, the one that was used last counts; of several users'
-- the worst.
CREATE VIEW provider_health AS
WITH subjects AS (
  SELECT provider, account FROM freshness
   UNION
  SELECT provider, account FROM alerts WHERE state = 'raised' AND account <> ''
), everybody AS (
  SELECT provider, account FROM subjects
   UNION
  SELECT provider, '' FROM alerts WHERE state = 'raised' AND provider NOT IN (SELECT provider FROM subjects)
   UNION
  SELECT provider, '' FROM credentials WHERE provider NOT IN (SELECT provider FROM subjects)
), used AS (
  SELECT provider, user, state, cooldown_until, max(updated_at) AS updated_at FROM credentials GROUP BY provider, user
)
SELECT e.provider, e.account, f.last_success_at, f.last_failure_at, f.failure_code,
       (SELECT u.state FROM used AS u WHERE u.provider = e.provider
         ORDER BY CASE u.state WHEN 'refused' THEN 1 WHEN 'consent_required' THEN 2 WHEN 'empty' THEN 3 ELSE 4 END LIMIT 1) AS credential_state,
       (SELECT max(u.cooldown_until) FROM used AS u
         WHERE u.provider = e.provider AND u.cooldown_until > strftime('%Y-%m-%dT%H:%M:%fZ')) AS cooldown_until,
       (SELECT group_concat(code || CASE user WHEN '' THEN '' ELSE ' (' || user || ')' END, ', ')
          FROM (SELECT * FROM alerts WHERE state = 'raised' ORDER BY alert_id) AS a
         WHERE a.provider = e.provider AND a.account IN ('', e.account)) AS alerts
  FROM everybody AS e LEFT JOIN freshness AS f ON f.provider = e.provider AND f.account = e.account
 ORDER BY e.provider, e.account;
