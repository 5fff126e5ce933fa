CREATE TABLE accounts (
  provider   TEXT NOT NULL,
  account    TEXT NOT NULL,
  timezone   TEXT NOT NULL,
  local_date TEXT NOT NULL,
  PRIMARY KEY (provider, account)
) STRICT, WITHOUT ROWID;

CREATE TABLE activity (
  started_at TEXT NOT NULL,
  provider   TEXT NOT NULL,
  calls      INTEGER NOT NULL,
  errors     INTEGER NOT NULL,
  changes    INTEGER NOT NULL,
  durations  TEXT NOT NULL,
  PRIMARY KEY (started_at, provider)
) STRICT, WITHOUT ROWID;

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
, accounts TEXT, kind TEXT NOT NULL DEFAULT '') STRICT;

CREATE INDEX alerts_consents ON alerts (provider, resolved_at)
  WHERE code = 'consent_required' AND state = 'resolved';

CREATE UNIQUE INDEX alerts_raised ON alerts (provider, account, user, code, kind) WHERE state = 'raised';

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

CREATE TABLE despatch_advice_lines (
  provider         TEXT NOT NULL,
  account          TEXT NOT NULL,
  advice_id        TEXT NOT NULL,
  seq              INTEGER NOT NULL,
  line_id          TEXT,
  order_id         TEXT,
  order_line_id    TEXT,
  reference        TEXT,
  article_id       TEXT,
  buyer_article_id TEXT,
  ean              TEXT,
  quantity         INTEGER,
  PRIMARY KEY (provider, account, advice_id, seq)
) STRICT, WITHOUT ROWID;

CREATE INDEX despatch_advice_lines_order ON despatch_advice_lines (provider, account, order_id)
  WHERE order_id IS NOT NULL;

CREATE TABLE despatch_advices (
  provider        TEXT NOT NULL,
  account         TEXT NOT NULL,
  advice_id       TEXT NOT NULL,
  bill_of_lading  TEXT,
  issued_on       TEXT,
  despatched_on   TEXT,
  expected_on     TEXT,
  carrier         TEXT,
  tracking        TEXT,
  ship_to         TEXT,
  quantity        INTEGER,
  first_seen_at   TEXT NOT NULL,
  last_changed_at TEXT NOT NULL,
  fingerprint     BLOB NOT NULL,
  document        TEXT NOT NULL,
  PRIMARY KEY (provider, account, advice_id)
) STRICT;

CREATE INDEX despatch_advices_bill ON despatch_advices (provider, account, bill_of_lading)
  WHERE bill_of_lading IS NOT NULL;

CREATE TABLE despatches (
  provider      TEXT NOT NULL,
  account       TEXT NOT NULL,
  order_id      TEXT NOT NULL,
  line_id       TEXT NOT NULL,
  seq           INTEGER NOT NULL,
  despatched_on TEXT,
  advice_id     TEXT,
  quantity      INTEGER,
  PRIMARY KEY (provider, account, order_id, line_id, seq)
) STRICT, WITHOUT ROWID;

CREATE INDEX despatches_advice ON despatches (provider, account, advice_id)
  WHERE advice_id IS NOT NULL;

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
, attempt INTEGER, detail TEXT CHECK (detail IN ('full', 'metadata')), upto INTEGER NOT NULL DEFAULT 0, response_gzip BLOB) STRICT;

CREATE INDEX exchanges_job ON exchanges (job_id);

CREATE INDEX exchanges_provider ON exchanges (provider, exchange_id);

CREATE TABLE invoice_lines (
  provider         TEXT NOT NULL,
  account          TEXT NOT NULL,
  number           TEXT NOT NULL,
  seq              INTEGER NOT NULL,
  line_id          TEXT,
  order_id         TEXT,
  order_line_id    TEXT,
  reference        TEXT,
  bill_of_lading   TEXT,
  article_id       TEXT,
  buyer_article_id TEXT,
  ean              TEXT,
  quantity         INTEGER,
  unit_price       TEXT,
  net_amount       TEXT,
  total_amount     TEXT,
  PRIMARY KEY (provider, account, number, seq)
) STRICT, WITHOUT ROWID;

CREATE INDEX invoice_lines_bill ON invoice_lines (provider, account, bill_of_lading)
  WHERE bill_of_lading IS NOT NULL;

CREATE INDEX invoice_lines_order ON invoice_lines (provider, account, order_id)
  WHERE order_id IS NOT NULL;

CREATE TABLE invoices (
  provider        TEXT NOT NULL,
  account         TEXT NOT NULL,
  number          TEXT NOT NULL,
  type            TEXT NOT NULL,
  invoiced_on     TEXT,
  due_on          TEXT,
  currency        TEXT,
  total_amount    TEXT,
  ship_to         TEXT,
  first_seen_at   TEXT NOT NULL,
  last_changed_at TEXT NOT NULL,
  fingerprint     BLOB NOT NULL,
  document        TEXT NOT NULL,
  PRIMARY KEY (provider, account, number)
) STRICT;

CREATE TABLE jobs (
  job_id           TEXT NOT NULL PRIMARY KEY,
  run_id           TEXT NOT NULL REFERENCES runs (run_id) ON DELETE CASCADE,
  provider         TEXT NOT NULL,
  account          TEXT NOT NULL,
  kind             TEXT NOT NULL,
  question         TEXT NOT NULL,
  state            TEXT NOT NULL,
  attempts         INTEGER NOT NULL DEFAULT 0,
  inline           INTEGER NOT NULL DEFAULT 0,
  next_attempt_at  TEXT,
  error_code       TEXT,
  error            TEXT,
  hint             TEXT,
  planned_at       TEXT NOT NULL,
  started_at       TEXT,
  asked_at         TEXT,
  finished_at      TEXT,
  orders_seen      INTEGER NOT NULL DEFAULT 0,
  orders_created   INTEGER NOT NULL DEFAULT 0,
  orders_changed   INTEGER NOT NULL DEFAULT 0,
  orders_unchanged INTEGER NOT NULL DEFAULT 0
, tried INTEGER NOT NULL DEFAULT 0, retried_at TEXT, dispatched_at TEXT, crashes INTEGER NOT NULL DEFAULT 0, dispatch TEXT CHECK (dispatch IN ('pending_slot', 'blocked', 'dispatched')), remote INTEGER NOT NULL DEFAULT 0) STRICT;

CREATE INDEX jobs_account ON jobs (account, job_id, provider);

CREATE INDEX jobs_dispatch ON jobs (provider, dispatch, job_id) WHERE dispatch IS NOT NULL;

CREATE INDEX jobs_queued ON jobs (provider, job_id)
  WHERE state = 'queued' AND inline = 0 AND coalesce(dispatch, 'dispatched') = 'dispatched';

CREATE INDEX jobs_run ON jobs (run_id, job_id);

CREATE INDEX jobs_unconsented ON jobs (provider, account, job_id)
  WHERE state = 'failed' AND error_code = 'consent_required';

CREATE INDEX jobs_unfinished ON jobs (state, job_id) WHERE state <> 'succeeded';

CREATE INDEX jobs_waiting ON jobs (provider, next_attempt_at) WHERE state = 'waiting';

CREATE TABLE joined_requests (
  key          TEXT NOT NULL PRIMARY KEY,
  run_id       TEXT NOT NULL REFERENCES runs (run_id) ON DELETE CASCADE,
  reply_to     TEXT,
  requested_at TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX joined_requests_run ON joined_requests (run_id);

CREATE TABLE late_notices (
  provider    TEXT NOT NULL,
  account     TEXT NOT NULL,
  order_id    TEXT NOT NULL,
  promised_on TEXT NOT NULL,
  noticed_at  TEXT NOT NULL,
  PRIMARY KEY (provider, account, order_id, promised_on)
) STRICT, WITHOUT ROWID;

CREATE TABLE line_promises (
  provider          TEXT NOT NULL,
  account           TEXT NOT NULL,
  order_id          TEXT NOT NULL,
  line_id           TEXT NOT NULL,
  article_id        TEXT NOT NULL,
  first_promised_on TEXT NOT NULL,
  promised_on       TEXT NOT NULL,
  moves             INTEGER NOT NULL,
  status            TEXT NOT NULL,
  ordered           INTEGER NOT NULL,
  shipped           INTEGER NOT NULL,
  despatched_on     TEXT,
  PRIMARY KEY (provider, account, order_id, line_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE notification_targets (
  target    TEXT NOT NULL PRIMARY KEY,
  codes     TEXT NOT NULL,
  providers TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE notifications (
  notification_id INTEGER PRIMARY KEY AUTOINCREMENT,
  target          TEXT NOT NULL,
  at              TEXT NOT NULL,
  state           TEXT NOT NULL CHECK (state IN ('raised', 'resolved')),
  provider        TEXT NOT NULL,
  account         TEXT NOT NULL,
  user            TEXT NOT NULL,
  kind            TEXT NOT NULL,
  code            TEXT NOT NULL,
  message         TEXT NOT NULL,
  hint            TEXT NOT NULL,
  link            TEXT,
  since           TEXT NOT NULL
) STRICT;

CREATE INDEX notifications_target ON notifications (target);

CREATE TABLE order_documents (
  provider    TEXT NOT NULL,
  account     TEXT NOT NULL,
  order_id    TEXT NOT NULL,
  kind        TEXT NOT NULL CHECK (kind IN ('despatch_advice', 'invoice')),
  document_id TEXT NOT NULL,
  revision    INTEGER,
  PRIMARY KEY (provider, account, order_id, kind, document_id)
) STRICT, WITHOUT ROWID;

CREATE INDEX order_documents_of ON order_documents (provider, account, kind, document_id);

CREATE TABLE order_events (
  id              INTEGER PRIMARY KEY,
  event_id        TEXT NOT NULL,
  provider        TEXT NOT NULL,
  account         TEXT NOT NULL,
  order_id        TEXT NOT NULL,
  revision        INTEGER NOT NULL,
  type            TEXT NOT NULL,
  reference       TEXT,
  status          TEXT NOT NULL,
  previous_status TEXT,
  run_id          TEXT NOT NULL,
  job_id          TEXT NOT NULL,
  observed_at     TEXT NOT NULL,
  changes         TEXT NOT NULL,
  document        TEXT NOT NULL,
  UNIQUE (provider, account, order_id, revision)
) STRICT;

CREATE TABLE order_sequences (
  subject  TEXT NOT NULL PRIMARY KEY, -- without the prefix, as in the outbox
  sequence INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE orders (
  provider         TEXT NOT NULL,
  account          TEXT NOT NULL,
  order_id         TEXT NOT NULL,
  reference        TEXT,
  ordered_on       TEXT,
  method           TEXT,
  status           TEXT NOT NULL,
  ordered_quantity INTEGER,
  shipped_quantity INTEGER,
  open_quantity    INTEGER,
  promised_on      TEXT,
  revision         INTEGER NOT NULL,
  first_seen_at    TEXT NOT NULL,
  last_seen_at     TEXT NOT NULL,
  last_changed_at  TEXT NOT NULL,
  fingerprint      BLOB NOT NULL,
  document         TEXT NOT NULL, next_promised_on TEXT, not_found_since TEXT,
  PRIMARY KEY (provider, account, order_id)
) STRICT;

CREATE INDEX orders_changed ON orders (last_changed_at, provider, account, order_id);

CREATE INDEX orders_ended ON orders (status, provider, account, order_id)
  WHERE status IN ('shipped', 'delivered', 'cancelled');

CREATE INDEX orders_next_promised ON orders (next_promised_on)
  WHERE status NOT IN ('shipped', 'delivered', 'cancelled');

CREATE INDEX orders_open ON orders (provider, account, order_id, status)
  WHERE status NOT IN ('shipped', 'delivered', 'cancelled');

CREATE INDEX orders_reference ON orders (reference) WHERE reference IS NOT NULL;

CREATE TABLE outbox (
  id          INTEGER PRIMARY KEY AUTOINCREMENT,
  due_at      TEXT,
  topic       TEXT NOT NULL,
  subject     TEXT NOT NULL,
  msg_id      TEXT NOT NULL,
  type        TEXT NOT NULL,
  ce_subject  TEXT NOT NULL,
  source      TEXT NOT NULL,
  time        TEXT NOT NULL,
  traceparent TEXT,
  headers     TEXT,
  event       INTEGER,
  body        TEXT
, run_id TEXT, refusal TEXT) STRICT;

CREATE INDEX outbox_due ON outbox (due_at) WHERE due_at IS NOT NULL;

CREATE INDEX outbox_postponed ON outbox (subject) WHERE topic = 'orders' AND due_at IS NOT NULL;

CREATE INDEX outbox_refused ON outbox (source) WHERE refusal IS NOT NULL;

CREATE INDEX outbox_run ON outbox (run_id) WHERE run_id IS NOT NULL;

CREATE INDEX outbox_topic ON outbox (topic);

CREATE TABLE outbox_attempts (
  topic     TEXT NOT NULL PRIMARY KEY,
  up_to     INTEGER NOT NULL,
  after_seq INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE repeated_requests (
  key          TEXT NOT NULL,
  reply_to     TEXT NOT NULL,
  run_id       TEXT NOT NULL REFERENCES runs (run_id) ON DELETE CASCADE,
  requested_at TEXT NOT NULL,
  PRIMARY KEY (key, reply_to)
) STRICT, WITHOUT ROWID;

CREATE INDEX repeated_requests_run ON repeated_requests (run_id);

CREATE TABLE replication (
  topic    TEXT NOT NULL PRIMARY KEY CHECK (topic IN ('orders', 'results', 'alerts')),
  sequence INTEGER NOT NULL -- of the stream
) STRICT, WITHOUT ROWID;

CREATE TABLE report_progress (
  source TEXT NOT NULL PRIMARY KEY CHECK (source IN ('order_events', 'exchanges')),
  upto   INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

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

CREATE TABLE runs (
  run_id           TEXT NOT NULL PRIMARY KEY,
  provider         TEXT NOT NULL,
  kind             TEXT NOT NULL,
  state            TEXT NOT NULL,
  trigger          TEXT NOT NULL,
  accounts         TEXT,
  params           TEXT,
  jobs_total       INTEGER NOT NULL,
  jobs_succeeded   INTEGER NOT NULL DEFAULT 0,
  jobs_partial     INTEGER NOT NULL DEFAULT 0,
  jobs_failed      INTEGER NOT NULL DEFAULT 0,
  jobs_dead        INTEGER NOT NULL DEFAULT 0,
  jobs_cancelled   INTEGER NOT NULL DEFAULT 0,
  orders_seen      INTEGER NOT NULL DEFAULT 0,
  orders_created   INTEGER NOT NULL DEFAULT 0,
  orders_changed   INTEGER NOT NULL DEFAULT 0,
  orders_unchanged INTEGER NOT NULL DEFAULT 0,
  errors           TEXT NOT NULL,
  requested_at     TEXT NOT NULL,
  started_at       TEXT,
  finished_at      TEXT,
  key              TEXT,
  reply_to         TEXT,
  traceparent      TEXT
, reopened INTEGER NOT NULL DEFAULT 0, low_priority_slots INTEGER, paused_at TEXT, note TEXT, request_hash BLOB) STRICT;

CREATE UNIQUE INDEX runs_key ON runs (key) WHERE key IS NOT NULL;

CREATE INDEX runs_provider ON runs (provider, run_id);

CREATE INDEX runs_request ON runs (request_hash) WHERE state = 'queued';

CREATE INDEX runs_state ON runs (state, run_id);

CREATE TABLE schedule_progress (
  schedule      TEXT NOT NULL PRIMARY KEY,
  first_seen_at TEXT NOT NULL,
  accounted_at  TEXT
) STRICT, WITHOUT ROWID;

CREATE TABLE schedules (
  schedule  TEXT NOT NULL PRIMARY KEY,
  paused_at TEXT NOT NULL,
  note      TEXT
) STRICT, WITHOUT ROWID;

CREATE TABLE shutdown (
  started_at TEXT NOT NULL
) STRICT;

CREATE TABLE supplier_months (
  level         TEXT NOT NULL CHECK (level IN ('account', 'article', 'both')),
  provider      TEXT NOT NULL,
  account       TEXT NOT NULL,
  month         TEXT NOT NULL,
  article_id    TEXT NOT NULL,
  lines         INTEGER NOT NULL,
  slipped       INTEGER NOT NULL,
  moves         INTEGER NOT NULL,
  slip_days     INTEGER NOT NULL,
  despatched    INTEGER NOT NULL,
  early         INTEGER NOT NULL,
  on_time       INTEGER NOT NULL,
  late_1_3      INTEGER NOT NULL,
  late_4_7      INTEGER NOT NULL,
  late_8        INTEGER NOT NULL,
  days_late     INTEGER NOT NULL,
  ended_ordered INTEGER NOT NULL,
  ended_shipped INTEGER NOT NULL,
  PRIMARY KEY (level, provider, account, month, article_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE ticks (
  schedule TEXT NOT NULL,
  due_at   TEXT NOT NULL,
  outcome  TEXT NOT NULL CHECK (outcome IN ('started', 'skipped', 'missed', 'caught_up')),
  reason   TEXT,
  run_id   TEXT,
  PRIMARY KEY (schedule, due_at)
) STRICT, WITHOUT ROWID;

CREATE TABLE unpublishable (
  id           INTEGER PRIMARY KEY,
  set_aside_at TEXT NOT NULL,
  reason       TEXT NOT NULL,
  topic        TEXT NOT NULL,
  subject      TEXT NOT NULL,
  msg_id       TEXT NOT NULL,
  type         TEXT NOT NULL,
  ce_subject   TEXT NOT NULL,
  source       TEXT NOT NULL,
  time         TEXT NOT NULL,
  traceparent  TEXT,
  headers      TEXT,
  event        INTEGER,
  body         TEXT
) STRICT;

CREATE INDEX unpublishable_source ON unpublishable (source, id);

CREATE VIEW failed_jobs AS
SELECT finished_at, job_id, provider, account, kind, state, attempts, next_attempt_at,
       error_code, error, hint
  FROM jobs
 WHERE state IN ('failed', 'dead', 'partial', 'waiting') AND state <> 'succeeded'
 ORDER BY job_id DESC;

CREATE VIEW freshness AS
SELECT provider, account, requested_at AS last_success_at, last_failure_at, failure_code FROM responses WHERE from_on = '';

CREATE VIEW late_lines AS
SELECT CAST(julianday(local_date) - julianday(next_promised_on) AS INTEGER) AS days_late,
       provider, account, order_id, reference, line ->> 'line_id' AS line_id, line ->> 'article_id' AS article_id,
       line ->> 'buyer_article_id' AS buyer_article_id, line ->> 'description' AS description, line ->> 'status' AS status,
       line ->> 'ordered' AS ordered, line ->> 'shipped' AS shipped, line ->> 'backordered' AS backordered,
       next_promised_on, line ->> 'promised_on' AS promised_on
  FROM (SELECT o.provider, o.account, o.order_id, o.reference, l.value AS line, coalesce(a.local_date, date('now')) AS local_date,
               (SELECT CASE count(*) WHEN 0 THEN l.value ->> 'promised_on' ELSE min(s.value ->> 'delivery_on') END
                  FROM json_each(l.value, '$.schedule') AS s
                 WHERE s.value ->> 'backordered' > 0 OR s.value ->> 'open' > 0 OR s.value ->> 'confirmed' > 0 OR s.value ->> 'scheduled' > 0
               ) AS next_promised_on
          FROM orders AS o
          LEFT JOIN accounts AS a ON a.provider = o.provider AND a.account = o.account
          JOIN json_each(o.document, '$.lines') AS l
         WHERE o.status NOT IN ('shipped', 'delivered', 'cancelled') AND o.next_promised_on < coalesce(a.local_date, date('now'))
           AND l.value ->> 'status' NOT IN ('shipped', 'delivered', 'cancelled', 'unknown'))
 WHERE next_promised_on < local_date
 ORDER BY next_promised_on;

CREATE VIEW late_orders AS
SELECT CAST(julianday(coalesce(a.local_date, date('now'))) - julianday(o.next_promised_on) AS INTEGER) AS days_late,
       o.provider, o.account, o.order_id, o.reference, o.ordered_on, o.status, o.open_quantity,
       o.next_promised_on, o.promised_on, o.last_changed_at, o.last_seen_at
  FROM orders AS o LEFT JOIN accounts AS a ON a.provider = o.provider AND a.account = o.account
 WHERE o.status NOT IN ('shipped', 'delivered', 'cancelled') AND o.next_promised_on < coalesce(a.local_date, date('now'))
 ORDER BY o.next_promised_on;

CREATE VIEW open_orders AS
SELECT provider, account, order_id, reference, ordered_on, status, ordered_quantity, shipped_quantity,
       open_quantity, next_promised_on, promised_on, last_changed_at, last_seen_at, not_found_since
  FROM orders
 WHERE status NOT IN ('shipped', 'delivered', 'cancelled')
 ORDER BY next_promised_on NULLS LAST;

CREATE VIEW order_invoices AS
SELECT d.provider, d.account, d.order_id, o.reference, o.status, i.number, i.type, i.invoiced_on, i.due_on,
       i.currency, i.total_amount,
       (SELECT round(sum(CAST(l.net_amount AS REAL)), 2) FROM invoice_lines AS l
         WHERE l.provider = i.provider AND l.account = i.account AND l.number = i.number
           AND l.order_id = d.order_id) AS net_amount
  FROM order_documents AS d
  JOIN invoices AS i ON i.provider = d.provider AND i.account = d.account AND i.number = d.document_id
  LEFT JOIN orders AS o ON o.provider = d.provider AND o.account = d.account AND o.order_id = d.order_id
 WHERE d.kind = 'invoice'
 ORDER BY i.invoiced_on DESC, d.provider, d.account, d.order_id;

CREATE VIEW order_lines AS
SELECT o.provider, o.account, o.order_id, l.value ->> 'line_id' AS line_id, l.value ->> 'article_id' AS article_id,
       l.value ->> 'buyer_article_id' AS buyer_article_id, l.value ->> 'ean' AS ean,
       l.value ->> 'description' AS description, l.value ->> 'status' AS status,
       l.value ->> 'requested_on' AS requested_on, l.value ->> 'promised_on' AS promised_on,
       l.value ->> 'ordered' AS ordered, l.value ->> 'confirmed' AS confirmed, l.value ->> 'backordered' AS backordered,
       l.value ->> 'cancelled' AS cancelled, l.value ->> 'scheduled' AS scheduled, l.value ->> 'open' AS open,
       l.value ->> 'shipped' AS shipped
  FROM orders AS o, json_each(o.document, '$.lines') AS l;

CREATE VIEW promise_history AS
SELECT e.observed_at, e.provider, e.account, e.order_id, e.reference, e.revision,
       substr(c.value ->> '$.path', 7, length(c.value ->> '$.path') - 18) AS line_id,
       c.value ->> '$.before' AS promised_before, c.value ->> '$.after' AS promised_after,
       CAST(julianday(c.value ->> '$.after') - julianday(c.value ->> '$.before') AS INTEGER) AS days_moved
  FROM order_events AS e CROSS JOIN json_each(e.changes) AS c
 WHERE c.value ->> '$.path' GLOB 'lines/*/promised_on'
 ORDER BY e.id DESC;

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
         ORDER BY CASE u.state WHEN 'rejected' THEN 1 WHEN 'consent_required' THEN 2 WHEN 'empty' THEN 3 ELSE 4 END LIMIT 1) AS credential_state,
       (SELECT max(u.cooldown_until) FROM used AS u
         WHERE u.provider = e.provider AND u.cooldown_until > strftime('%Y-%m-%dT%H:%M:%fZ')) AS cooldown_until,
       (SELECT group_concat(code || CASE user WHEN '' THEN '' ELSE ' (' || user || ')' END, ', ')
          FROM (SELECT * FROM alerts WHERE state = 'raised' ORDER BY alert_id) AS a
         WHERE a.provider = e.provider AND a.account IN ('', e.account)) AS alerts
  FROM everybody AS e LEFT JOIN freshness AS f ON f.provider = e.provider AND f.account = e.account
 ORDER BY e.provider, e.account;

CREATE VIEW recent_changes AS
SELECT e.observed_at, e.provider, e.account, e.order_id, e.reference, e.revision, e.status,
       c.value ->> '$.path' AS path, c.value -> '$.before' AS before, c.value -> '$.after' AS after,
       e.run_id, e.job_id
  FROM order_events AS e
  LEFT JOIN json_each(e.changes) AS c
 ORDER BY e.id DESC;

CREATE VIEW schedule_lines AS
SELECT o.provider, o.account, o.order_id, l.value ->> 'line_id' AS line_id, s.key + 1 AS seq,
       s.value ->> 'delivery_on' AS delivery_on, s.value ->> 'ordered' AS ordered, s.value ->> 'confirmed' AS confirmed,
       s.value ->> 'backordered' AS backordered, s.value ->> 'cancelled' AS cancelled,
       s.value ->> 'scheduled' AS scheduled, s.value ->> 'open' AS open, s.value ->> 'shipped' AS shipped
  FROM orders AS o, json_each(o.document, '$.lines') AS l, json_each(l.value, '$.schedule') AS s;

CREATE VIEW schedule_report AS
SELECT t.schedule,
       count(*) AS due, sum(t.outcome = 'started') AS started, sum(t.outcome = 'caught_up') AS caught_up,
       sum(t.outcome = 'skipped') AS skipped, sum(t.outcome = 'missed') AS missed,
       max(t.due_at) AS last_due_at,
       (SELECT l.outcome FROM ticks AS l WHERE l.schedule = t.schedule ORDER BY l.due_at DESC LIMIT 1) AS last_outcome,
       (SELECT r.state FROM ticks AS l JOIN runs AS r USING (run_id) WHERE l.schedule = t.schedule ORDER BY l.due_at DESC LIMIT 1) AS last_run,
       p.paused_at, p.note
  FROM ticks AS t LEFT JOIN schedules AS p ON p.schedule = t.schedule
 WHERE t.due_at >= strftime('%Y-%m-%dT%H:%M:%fZ', 'now', '-7 days')
 GROUP BY t.schedule;

CREATE VIEW shipments AS
SELECT d.provider, d.account, d.order_id, o.reference, o.status, a.bill_of_lading, a.carrier, a.tracking,
       a.despatched_on, a.expected_on,
       (SELECT sum(l.quantity) FROM despatch_advice_lines AS l
         WHERE l.provider = a.provider AND l.account = a.account AND l.advice_id = a.advice_id
           AND l.order_id = d.order_id) AS quantity
  FROM order_documents AS d
  JOIN despatch_advices AS a ON a.provider = d.provider AND a.account = d.account AND a.advice_id = d.document_id
  LEFT JOIN orders AS o ON o.provider = d.provider AND o.account = d.account AND o.order_id = d.order_id
 WHERE d.kind = 'despatch_advice'
 ORDER BY a.despatched_on DESC, d.provider, d.account, d.order_id;

CREATE VIEW supplier_performance AS
SELECT month, provider, account, article_id, lines, slipped, round(100.0 * slipped / lines, 1) AS slipped_percent, moves,
       round(1.0 * slip_days / nullif(slipped, 0), 1) AS slip_days_avg,
       despatched, round(100.0 * (early + on_time) / nullif(despatched, 0), 1) AS on_time_percent,
       round(1.0 * days_late / nullif(late_1_3 + late_4_7 + late_8, 0), 1) AS days_late_avg,
       early, on_time, late_1_3, late_4_7, late_8,
       round(100.0 * ended_shipped / nullif(ended_ordered, 0), 1) AS fill_rate_percent
  FROM supplier_months
 WHERE level = 'both' AND lines > 0
 ORDER BY month DESC, provider, account, article_id;
