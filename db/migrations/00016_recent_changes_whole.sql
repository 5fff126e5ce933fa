-- +goose Up

-- Every change on record, the newest first, instead of those of the last 1000 events: a reader who
-- wants fewer says LIMIT, and is not misled about what was left out.
DROP VIEW recent_changes;
CREATE VIEW recent_changes AS
SELECT e.observed_at, e.provider, e.account, e.order_id, e.reference, e.revision, e.status,
       c.value ->> '$.path' AS path, c.value -> '$.before' AS before, c.value -> '$.after' AS after,
       e.run_id, e.job_id
  FROM order_events AS e
  LEFT JOIN json_each(e.changes) AS c
 ORDER BY e.id DESC, c.key;
