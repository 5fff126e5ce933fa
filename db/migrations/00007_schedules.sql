-- +goose Up

-- Schedules that are paused, by whom they are known: their names in the configuration.
CREATE TABLE schedules (
  schedule  TEXT NOT NULL PRIMARY KEY,
  paused_at TEXT NOT NULL,
  note      TEXT
) STRICT, WITHOUT ROWID;

-- What became of the due times of the last 7 days, and of the last one.
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
