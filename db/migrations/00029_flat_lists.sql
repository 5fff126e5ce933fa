-- +goose Up

-- The first page of the orders with an ended status is found by an index, however rare the status is.
CREATE INDEX orders_ended ON orders (status, provider, account, order_id)
  WHERE status IN ('shipped', 'delivered', 'cancelled');

-- The views read the events from the newest on, and the changes of each in their order. Sorting by
-- c.key, too, made older versions of SQLite (the sqlite3 tool of Debian 12) sort the whole history.
DROP VIEW recent_changes;
CREATE VIEW recent_changes AS
SELECT e.observed_at, e.provider, e.account, e.order_id, e.reference, e.revision, e.status,
       c.value ->> '$.path' AS path, c.value -> '$.before' AS before, c.value -> '$.after' AS after,
       e.run_id, e.job_id
  FROM order_events AS e
  LEFT JOIN json_each(e.changes) AS c
 ORDER BY e.id DESC;

DROP VIEW promise_history;
CREATE VIEW promise_history AS
SELECT e.observed_at, e.provider, e.account, e.order_id, e.reference, e.revision,
       substr(c.value ->> '$.path', 7, length(c.value ->> '$.path') - 18) AS line_id,
       c.value ->> '$.before' AS promised_before, c.value ->> '$.after' AS promised_after,
       CAST(julianday(c.value ->> '$.after') - julianday(c.value ->> '$.before') AS INTEGER) AS days_moved
  FROM order_events AS e CROSS JOIN json_each(e.changes) AS c
 WHERE c.value ->> '$.path' GLOB 'lines/*/promised_on'
 ORDER BY e.id DESC;
