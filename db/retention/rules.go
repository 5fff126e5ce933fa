package retention

import (
	"context"
	"database/sql"
	"errors"
	"slices"
	"strconv"
	"time"

	"orderbeat/db/exchanges"
	"orderbeat/db/sqlite"
)

const (
	// pruneRange is the number of rows that one prune transaction examines, pruneLarge the number
	// for rows that may be megabytes in size.
	pruneRange = 128
	pruneLarge = 16
	// deadRetention is the minimum retention of a dead job: as long as the alert stream retains the
	// alert that refers to it.
	deadRetention = 30 * 24 * time.Hour
	// maxBacklog is the maximum number of pending messages while events are deleted, because
	// finding a message of an event requires scanning all of them.
	maxBacklog = 10_000
)

// condition is an SQL condition on a row with its arguments.
type condition struct {
	sql  string
	args []any
}

func when(sql string, args ...any) condition { return condition{sql, args} }

// pruneRule defines which rows of a table are deleted.
type pruneRule struct {
	table, as, key string
	first          any       // less than all keys
	rows           int       // rows per range
	scope          condition // rows that the rule applies to
	// old is whether a row may be expired. Keys increase roughly with time: if no row of a range
	// is old, no later row is.
	old     condition
	expired condition // whether the row is deleted
	n       *int      // incremented by the number of deleted rows
}

// rangeQuery selects the last key of the next range and whether any of its rows is old.
func (r *pruneRule) rangeQuery(after any) (string, []any) {
	rows := "SELECT " + r.key + " AS k, " + r.old.sql + " AS p FROM " + r.table + " WHERE " + r.key + " > ? AND " + r.scope.sql +
		" ORDER BY " + r.key + " LIMIT " + strconv.Itoa(r.rows)
	return "SELECT max(k), coalesce(max(p), 0) FROM (" + rows + ")", slices.Concat(r.old.args, []any{after}, r.scope.args)
}

// deletion deletes the expired rows of a range.
func (r *pruneRule) deletion(after, upto any) (string, []any) {
	return "DELETE FROM " + r.table + " AS " + r.as + " WHERE " + r.key + " > ? AND " + r.key + " <= ? AND " + r.removable(),
		slices.Concat([]any{after, upto}, r.scope.args, r.old.args, r.expired.args)
}

// countQuery counts the expired rows.
func (r *pruneRule) countQuery() (string, []any) {
	return "SELECT count(*) FROM " + r.table + " AS " + r.as + " WHERE " + r.removable(), slices.Concat(r.scope.args, r.old.args, r.expired.args)
}

func (r *pruneRule) removable() string {
	return r.scope.sql + " AND " + r.old.sql + " AND " + r.expired.sql
}

// pruneRules returns the rules in order of execution: exchanges before the jobs that they refer to, and
// jobs before their runs. The rules count in p. It sets p.EventsWait if events are excluded because
// of the backlog.
func (s *Store) pruneRules(ctx context.Context, r Periods, now time.Time, p *Pruned, counting bool) ([]pruneRule, error) {
	c := pruneCuts{exchanges: before(now, r.Exchanges), jobs: before(now, r.Jobs), dead: before(now, max(r.Jobs, deadRetention)), events: before(now, r.Events)}
	if r.ExchangesSize > 0 {
		var upto int64
		if err := s.file.Readers().QueryRowContext(ctx, exchanges.UptoSQL).Scan(&upto); err != nil && !errors.Is(err, sql.ErrNoRows) {
			return nil, err
		}
		c.upto = upto - r.ExchangesSize
	}
	var backlog int
	if err := s.file.Readers().QueryRowContext(ctx, backlogSQL, maxBacklog+1).Scan(&backlog); err != nil {
		return nil, err
	}
	if p.EventsWait = backlog > maxBacklog && r.Events > 0; p.EventsWait {
		c.events = ""
	}
	schedules, err := sqlite.Fetch(ctx, s.file.Readers(), sqlite.Column[string], schedulesSQL)
	return c.rules(schedules, p, counting), err
}

// before returns the cut-off time for a retention; "", which is before all times, for no limit.
func before(now time.Time, retention time.Duration) string {
	if retention <= 0 {
		return ""
	}
	return sqlite.Stamp(now.Add(-retention))
}

// pruneCuts are the cut-off times; upto is the cumulative size up to which exchanges are deleted.
type pruneCuts struct {
	exchanges, jobs, dead, events string
	upto                          int64
}

func (c pruneCuts) rules(schedules []string, p *Pruned, counting bool) (rules []pruneRule) {
	every := when("true")
	if c.exchanges != "" || c.upto > 0 {
		expired := when("(started_at < ? OR upto <= ?)", c.exchanges, c.upto)
		rules = append(rules, pruneRule{table: "exchanges", as: "x", key: "exchange_id", first: 0, rows: pruneLarge, scope: every, old: expired, expired: expired, n: &p.Exchanges})
	}
	if c.jobs != "" {
		runExpired := when("r.finished_at < ? AND NOT EXISTS (SELECT 1 FROM jobs AS j WHERE j.run_id = r.run_id)", c.jobs)
		if counting { // the jobs are not deleted yet
			runExpired = when("r.finished_at < ? AND NOT EXISTS (SELECT 1 FROM jobs AS j WHERE j.run_id = r.run_id AND NOT coalesce("+jobExpired+", 0))",
				c.jobs, c.dead, c.jobs, c.exchanges)
		}
		rules = append(
			rules,
			pruneRule{
				table: "jobs", as: "j", key: "job_id", first: "", rows: pruneRange, scope: every,
				old: when("planned_at < ?", c.jobs), expired: when(jobExpired, c.dead, c.jobs, c.exchanges), n: &p.Jobs,
			},
			// This also deletes the deduplication key of the run.
			pruneRule{
				table: "runs", as: "r", key: "run_id", first: "", rows: pruneRange, scope: every,
				old: when("requested_at < ?", c.jobs), expired: runExpired, n: &p.Runs,
			},
			pruneRule{
				table: "alerts", as: "a", key: "alert_id", first: 0, rows: pruneRange, scope: every,
				old: when("since < ?", c.jobs), expired: when("state = 'resolved' AND resolved_at < ?", c.jobs), n: &p.Alerts,
			},
		)
		for _, schedule := range schedules {
			rules = append(rules, pruneRule{ // the last tick is the watermark for missed due times
				table: "ticks", as: "t", key: "due_at", first: "", rows: pruneRange, scope: when("schedule = ?", schedule), old: when("due_at < ?", c.jobs),
				expired: when("t.due_at < ? AND t.due_at < (SELECT max(m.due_at) FROM ticks AS m WHERE m.schedule = t.schedule)", c.jobs), n: &p.Ticks,
			})
		}
	}
	if c.events != "" {
		rules = append(rules, pruneRule{
			table: "order_events", as: "e", key: "id", first: 0, rows: pruneRange, scope: every,
			old: when("observed_at < ?", c.events), expired: when(eventExpired, c.events), n: &p.Events,
		})
	}
	return rules
}

const (
	backlogSQL = `SELECT count(*) FROM (SELECT 1 FROM outbox LIMIT ?)`

	// One index search per schedule with ticks.
	schedulesSQL = `
WITH RECURSIVE s (name) AS (
  SELECT min(schedule) FROM ticks
   UNION ALL
  SELECT (SELECT min(t.schedule) FROM ticks AS t WHERE t.schedule > s.name) FROM s WHERE s.name IS NOT NULL
)
SELECT name FROM s WHERE name IS NOT NULL`

	// A job is retained until its run has ended, while it has a retained exchange, while a raised
	// alert refers to it, and while it is needed for the catch-up runs of a missing consent. The
	// arguments are the cut-off times of dead jobs, jobs and exchanges.
	jobExpired = `j.state NOT IN ('queued', 'running', 'waiting') AND j.finished_at < iif(j.state = 'dead', ?, ?)
   AND EXISTS (SELECT 1 FROM runs AS e WHERE e.run_id = j.run_id AND e.finished_at IS NOT NULL)
   AND NOT EXISTS (SELECT 1 FROM exchanges AS x WHERE x.job_id = j.job_id AND x.started_at >= ?)
   AND j.job_id NOT IN (SELECT a.job_id FROM alerts AS a INDEXED BY alerts_raised WHERE a.state = 'raised' AND a.job_id IS NOT NULL)
   AND NOT (j.state = 'failed' AND coalesce(j.error_code, '') = 'consent_required' AND j.provider IN
            (SELECT a.provider FROM alerts AS a INDEXED BY alerts_raised WHERE a.state = 'raised' AND a.code = 'consent_required'))`

	// The last event of an order, the last events of its despatch advices and invoices, and pending
	// events are retained.
	eventExpired = `e.observed_at < ?
   AND e.revision < (SELECT o.revision FROM orders AS o WHERE o.provider = e.provider AND o.account = e.account AND o.order_id = e.order_id)
   AND NOT EXISTS (SELECT 1 FROM order_documents AS d WHERE d.provider = e.provider AND d.account = e.account
                      AND d.order_id = e.order_id AND d.revision = e.revision)
   AND e.id NOT IN (SELECT b.event FROM outbox AS b WHERE b.event IS NOT NULL)`
)
