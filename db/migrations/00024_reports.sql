-- +goose Up

-- What reports read: they are computed from order_events and exchanges by the worker, a moment after
-- those were committed. report_progress has the last row that was counted.

CREATE TABLE report_progress (
  source TEXT NOT NULL PRIMARY KEY CHECK (source IN ('order_events', 'exchanges')),
  upto   INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- One row for each line that was ever promised: its first promise and its last one, how often the promise
-- moved while the line was open, and when the last part was despatched.
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

-- Sums of line_promises by article and by the month of the first promise.
CREATE TABLE supplier_months (
  month         TEXT NOT NULL,
  provider      TEXT NOT NULL,
  account       TEXT NOT NULL,
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
  PRIMARY KEY (month, provider, account, article_id)
) STRICT, WITHOUT ROWID;

-- Calls and changes by a quarter of an hour. durations is a JSON array of counts.
CREATE TABLE activity (
  started_at TEXT NOT NULL,
  provider   TEXT NOT NULL,
  calls      INTEGER NOT NULL,
  errors     INTEGER NOT NULL,
  changes    INTEGER NOT NULL,
  durations  TEXT NOT NULL,
  PRIMARY KEY (started_at, provider)
) STRICT, WITHOUT ROWID;

CREATE VIEW promise_history AS
SELECT e.observed_at, e.provider, e.account, e.order_id, e.reference, e.revision,
       substr(c.value ->> '$.path', 7, length(c.value ->> '$.path') - 18) AS line_id,
       c.value ->> '$.before' AS promised_before, c.value ->> '$.after' AS promised_after,
       CAST(julianday(c.value ->> '$.after') - julianday(c.value ->> '$.before') AS INTEGER) AS days_moved
  FROM order_events AS e JOIN json_each(e.changes) AS c
 WHERE c.value ->> '$.path' GLOB 'lines/*/promised_on'
 ORDER BY e.id DESC, c.key;

CREATE VIEW supplier_performance AS
SELECT month, provider, account, article_id, lines, slipped, round(100.0 * slipped / lines, 1) AS slipped_percent, moves,
       round(1.0 * slip_days / nullif(slipped, 0), 1) AS slip_days_avg,
       despatched, round(100.0 * (early + on_time) / nullif(despatched, 0), 1) AS on_time_percent,
       round(1.0 * days_late / nullif(late_1_3 + late_4_7 + late_8, 0), 1) AS days_late_avg,
       early, on_time, late_1_3, late_4_7, late_8,
       round(100.0 * ended_shipped / nullif(ended_ordered, 0), 1) AS fill_rate_percent
  FROM supplier_months
 WHERE lines > 0
 ORDER BY month DESC, provider, account, article_id;
