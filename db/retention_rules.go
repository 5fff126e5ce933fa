package db

import (
	"context"
	"database/sql"
	"errors"
	"slices"
	"strconv"
	"time"

	"orderbeat/db/sqlite"
)

const (
	// pruneRange is how many rows one transaction of pruning looks at, and pruneLarge how
	// many where each may have megabytes.
	pruneRange = 128
	pruneLarge = 16
	// deadRetention is how long a dead job is kept at least: as long as the stream has the
	// alert that names it.
	deadRetention = 30 * 24 * time.Hour
	// maxBacklog is how many messages may wait while events are removed. Whether one of them
	// is about an event can only be found by looking at all of them.
	maxBacklog = 10_000
)

// condition is an SQL condition about a row, and its arguments.
type condition struct {
	sql  string
	args []any
}

func when(sql string, args ...any) condition { return condition{sql, args} }

// pruneRule says what is removed from a table.
type pruneRule struct {
	table, as, key string
	first          any       // comes before all keys
	rows           int       // of a range
	scope          condition // which rows the rule is about
	// past is whether a row may be over. Keys grow nearly with time: where none of a range is
	// past, none that follows is.
	past condition
	over condition // whether it is removed
	n    *int      // counts what is removed
}

// rangeQuery finds the next range: its last key, and whether a row of it is past.
func (r *pruneRule) rangeQuery(after any) (string, []any) {
	rows := "SELECT " + r.key + " AS k, " + r.past.sql + " AS p FROM " + r.table + " WHERE " + r.key + " > ? AND " + r.scope.sql +
		" ORDER BY " + r.key + " LIMIT " + strconv.Itoa(r.rows)
	return "SELECT max(k), coalesce(max(p), 0) FROM (" + rows + ")", slices.Concat(r.past.args, []any{after}, r.scope.args)
}

// deletion removes what is over of a range.
func (r *pruneRule) deletion(after, upto any) (string, []any) {
	return "DELETE FROM " + r.table + " AS " + r.as + " WHERE " + r.key + " > ? AND " + r.key + " <= ? AND " + r.removable(),
		slices.Concat([]any{after, upto}, r.scope.args, r.past.args, r.over.args)
}

// countQuery counts what is over.
func (r *pruneRule) countQuery() (string, []any) {
	return "SELECT count(*) FROM " + r.table + " AS " + r.as + " WHERE " + r.removable(), slices.Concat(r.scope.args, r.past.args, r.over.args)
}

func (r *pruneRule) removable() string {
	return r.scope.sql + " AND " + r.past.sql + " AND " + r.over.sql
}

// pruneRules lists what is removed, in this order: exchanges keep their jobs, and jobs their
// runs. They count in p, which says whether events are left out because of the backlog.
func (d *DB) pruneRules(ctx context.Context, r Retention, now time.Time, p *Pruned, counting bool) ([]pruneRule, error) {
	c := pruneCuts{exchanges: before(now, r.Exchanges), jobs: before(now, r.Jobs), dead: before(now, max(r.Jobs, deadRetention)), events: before(now, r.Events)}
	if r.ExchangesSize > 0 {
		var upto int64
		if err := d.readers.QueryRowContext(ctx, exchangesUptoSQL).Scan(&upto); err != nil && !errors.Is(err, sql.ErrNoRows) {
			return nil, err
		}
		c.upto = upto - r.ExchangesSize
	}
	var backlog int
	if err := d.readers.QueryRowContext(ctx, backlogSQL, maxBacklog+1).Scan(&backlog); err != nil {
		return nil, err
	}
	if p.EventsWait = backlog > maxBacklog && r.Events > 0; p.EventsWait {
		c.events = ""
	}
	schedules, err := sqlite.Fetch(ctx, d.readers, sqlite.Column[string], schedulesSQL)
	return c.rules(schedules, p, counting), err
}

// before is when what is past was over; "", before all times, where nothing ever is.
func before(now time.Time, keep time.Duration) string {
	if keep <= 0 {
		return ""
	}
	return stamp(now.Add(-keep))
}

// pruneCuts are the times before which what was over is past; and upto, the size of all
// exchanges up to the last one that is too much.
type pruneCuts struct {
	exchanges, jobs, dead, events string
	upto                          int64
}

func (c pruneCuts) rules(schedules []string, p *Pruned, counting bool) (rules []pruneRule) {
	every := when("true")
	if c.exchanges != "" || c.upto > 0 {
		over := when("(started_at < ? OR upto <= ?)", c.exchanges, c.upto)
		rules = append(rules, pruneRule{table: "exchanges", as: "x", key: "exchange_id", first: 0, rows: pruneLarge, scope: every, past: over, over: over, n: &p.Exchanges})
	}
	if c.jobs != "" {
		runOver := when("r.finished_at < ? AND NOT EXISTS (SELECT 1 FROM jobs AS j WHERE j.run_id = r.run_id)", c.jobs)
		if counting { // the jobs are still there
			runOver = when("r.finished_at < ? AND NOT EXISTS (SELECT 1 FROM jobs AS j WHERE j.run_id = r.run_id AND NOT coalesce("+jobOver+", 0))",
				c.jobs, c.dead, c.jobs, c.exchanges)
		}
		rules = append(
			rules,
			pruneRule{
				table: "jobs", as: "j", key: "job_id", first: "", rows: pruneRange, scope: every,
				past: when("planned_at < ?", c.jobs), over: when(jobOver, c.dead, c.jobs, c.exchanges), n: &p.Jobs,
			},
			// The key of a run, which makes a message once, goes with it.
			pruneRule{
				table: "runs", as: "r", key: "run_id", first: "", rows: pruneRange, scope: every,
				past: when("requested_at < ?", c.jobs), over: runOver, n: &p.Runs,
			},
			pruneRule{
				table: "alerts", as: "a", key: "alert_id", first: 0, rows: pruneRange, scope: every,
				past: when("since < ?", c.jobs), over: when("state = 'resolved' AND resolved_at < ?", c.jobs), n: &p.Alerts,
			},
		)
		for _, schedule := range schedules {
			rules = append(rules, pruneRule{ // the last tick stays: those that are missed are counted from there
				table: "ticks", as: "t", key: "due_at", first: "", rows: pruneRange, scope: when("schedule = ?", schedule), past: when("due_at < ?", c.jobs),
				over: when("t.due_at < ? AND t.due_at < (SELECT max(m.due_at) FROM ticks AS m WHERE m.schedule = t.schedule)", c.jobs), n: &p.Ticks,
			})
		}
	}
	if c.events != "" {
		rules = append(rules, pruneRule{
			table: "order_events", as: "e", key: "id", first: 0, rows: pruneRange, scope: every,
			past: when("observed_at < ?", c.events), over: when(eventOver, c.events), n: &p.Events,
		})
	}
	return rules
}

const (
	backlogSQL = `SELECT count(*) FROM (SELECT 1 FROM outbox LIMIT ?)`

	// A search for each schedule that has ticks.
	schedulesSQL = `
WITH RECURSIVE s (name) AS (
  SELECT min(schedule) FROM ticks
   UNION ALL
  SELECT (SELECT min(t.schedule) FROM ticks AS t WHERE t.schedule > s.name) FROM s WHERE s.name IS NOT NULL
)
SELECT name FROM s WHERE name IS NOT NULL`

	// A job goes when its run has ended. It stays with an exchange that does, when an
	// alert that is raised is about it, and when it waits for a consent, which asks again
	// for what was missed. The times are the cuts of dead jobs, of jobs and of exchanges.
	jobOver = `j.state NOT IN ('queued', 'running', 'waiting') AND j.finished_at < iif(j.state = 'dead', ?, ?)
   AND EXISTS (SELECT 1 FROM runs AS e WHERE e.run_id = j.run_id AND e.finished_at IS NOT NULL)
   AND NOT EXISTS (SELECT 1 FROM exchanges AS x WHERE x.job_id = j.job_id AND x.started_at >= ?)
   AND j.job_id NOT IN (SELECT a.job_id FROM alerts AS a INDEXED BY alerts_raised WHERE a.state = 'raised' AND a.job_id IS NOT NULL)
   AND NOT (j.state = 'failed' AND coalesce(j.error_code, '') = 'consent_required' AND j.provider IN
            (SELECT a.provider FROM alerts AS a INDEXED BY alerts_raised WHERE a.state = 'raised' AND a.code = 'consent_required'))`

	// The last event of an order stays, and so do those that told last of its despatch
	// advices and invoices, and those that are still to be published.
	eventOver = `e.observed_at < ?
   AND e.revision < (SELECT o.revision FROM orders AS o WHERE o.provider = e.provider AND o.account = e.account AND o.order_id = e.order_id)
   AND NOT EXISTS (SELECT 1 FROM order_documents AS d WHERE d.provider = e.provider AND d.account = e.account
                      AND d.order_id = e.order_id AND d.revision = e.revision)
   AND e.id NOT IN (SELECT b.event FROM outbox AS b WHERE b.event IS NOT NULL)`
)
