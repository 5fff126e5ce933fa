package db

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"strconv"
	"time"
)

// stepRows bounds what one step of pruning looks at, and removes.
const (
	stepRows = 256
	step     = ` LIMIT 256`
)

// shelf is a table that things are removed from when they are over for long enough.
type shelf struct {
	name     string
	cut      string // what was over before then is past; of a bound of size, what is up to there
	numbered bool   // its key is a number, else text
	bite     int    // how many rows are removed before somebody looks at the clock
	count    func(*Pruned) *int
	// look tells of a step's rows after the key ?2 whether they are past ?1, and whether
	// they may be removed. Rows stand in the order of their keys, which is nearly that of
	// time: where none of a step's is past, none that follows is.
	look     string
	lookMore []any
	// drop removes those of the rows with the keys ?2, a JSON list, that may be.
	drop     string
	dropMore []any
}

// maxBacklog is how many messages may wait while events are removed. Whether one of them
// is about an event can only be found by looking at all of them.
const maxBacklog = 10_000

// shelves lists what may be removed, in the order in which it is: exchanges keep their
// jobs, and jobs their runs. wait says that events are not listed because of the backlog.
func (d *DB) shelves(ctx context.Context, r Retention, now time.Time) (list []shelf, wait bool, err error) {
	// before is when what is past was over; "", before all times, where nothing ever is.
	before := func(keep time.Duration) string {
		if keep <= 0 {
			return ""
		}
		return stamp(now.Add(-keep))
	}
	add := func(s shelf) {
		if s.bite = cmp.Or(s.bite, bite); s.cut != "" {
			list = append(list, s)
		}
	}
	const large = 4 // rows, of megabytes perhaps
	exchanges, past := before(r.Exchanges), before(r.Jobs)
	kept := []any{before(max(r.Jobs, deadRetention)), exchanges}
	add(shelf{
		name: "exchanges", cut: exchanges, numbered: true, bite: large, count: func(p *Pruned) *int { return &p.Exchanges },
		look: lookExchangesSQL, drop: pruneExchangesSQL,
	})
	if r.ExchangesSize > 0 {
		var upto int64
		if err := d.readers.QueryRowContext(ctx, exchangesUptoSQL).Scan(&upto); err != nil && !errors.Is(err, sql.ErrNoRows) {
			return nil, false, err
		}
		if beyond := upto - r.ExchangesSize; beyond > 0 {
			add(shelf{
				name: "exchanges", cut: strconv.FormatInt(beyond, 10), numbered: true, bite: large, count: func(p *Pruned) *int { return &p.Exchanges },
				look: lookManyExchangesSQL, drop: pruneManyExchangesSQL,
			})
		}
	}
	add(shelf{
		name: "jobs", cut: past, count: func(p *Pruned) *int { return &p.Jobs },
		look: lookJobsSQL, lookMore: kept, drop: pruneJobsSQL, dropMore: kept,
	})
	add(shelf{
		name: "runs", cut: past, count: func(p *Pruned) *int { return &p.Runs },
		look: lookRunsSQL, lookMore: kept, drop: pruneRunsSQL,
	})
	add(shelf{
		name: "alerts", cut: past, numbered: true, count: func(p *Pruned) *int { return &p.Alerts },
		look: lookAlertsSQL, drop: pruneAlertsSQL,
	})
	schedules, err := d.schedules(ctx)
	if err != nil {
		return nil, false, err
	}
	for _, schedule := range schedules {
		add(shelf{
			name: "ticks", cut: past, count: func(p *Pruned) *int { return &p.Ticks },
			look: lookTicksSQL, lookMore: []any{schedule}, drop: pruneTicksSQL, dropMore: []any{schedule},
		})
	}
	var backlog int
	if err := d.readers.QueryRowContext(ctx, backlogSQL, maxBacklog+1).Scan(&backlog); err != nil {
		return nil, false, err
	}
	if backlog > maxBacklog {
		return list, r.Events > 0, nil
	}
	add(shelf{
		name: "events", cut: before(r.Events), numbered: true, count: func(p *Pruned) *int { return &p.Events },
		look: lookEventsSQL, drop: pruneEventsSQL,
	})
	return list, false, nil
}

// schedules lists those that have ticks, a search for each.
func (d *DB) schedules(ctx context.Context) ([]string, error) {
	return fetch(ctx, d.readers, column[string], schedulesSQL)
}

const (
	backlogSQL = `SELECT count(*) FROM (SELECT 1 FROM outbox LIMIT ?)`

	schedulesSQL = `
WITH RECURSIVE s (name) AS (
  SELECT min(schedule) FROM ticks
   UNION ALL
  SELECT (SELECT min(t.schedule) FROM ticks AS t WHERE t.schedule > s.name) FROM s WHERE s.name IS NOT NULL
)
SELECT name FROM s WHERE name IS NOT NULL`

	lookExchangesSQL = `
SELECT exchange_id, started_at < ?1, started_at < ?1 FROM exchanges WHERE exchange_id > ?2 ORDER BY exchange_id` + step

	pruneExchangesSQL = `
DELETE FROM exchanges WHERE exchange_id IN (SELECT value FROM json_each(?2)) AND started_at < ?1`

	lookManyExchangesSQL = `
SELECT exchange_id, upto <= ?1, upto <= ?1 FROM exchanges WHERE exchange_id > ?2 ORDER BY exchange_id` + step

	pruneManyExchangesSQL = `
DELETE FROM exchanges WHERE exchange_id IN (SELECT value FROM json_each(?2)) AND upto <= ?1`

	// A job goes when its run has ended. It stays with an exchange that does, when an
	// alert that is raised is about it, and when it waits for a consent, which asks again
	// for what was missed. ?3 and ?4 are the cuts of dead jobs and of exchanges.
	jobOver = `j.state NOT IN ('queued', 'running', 'waiting') AND j.finished_at < iif(j.state = 'dead', ?3, ?1)
   AND EXISTS (SELECT 1 FROM runs AS e WHERE e.run_id = j.run_id AND e.finished_at IS NOT NULL)
   AND NOT EXISTS (SELECT 1 FROM exchanges AS x WHERE x.job_id = j.job_id AND x.started_at >= ?4)
   AND j.job_id NOT IN (SELECT a.job_id FROM alerts AS a INDEXED BY alerts_raised WHERE a.state = 'raised' AND a.job_id IS NOT NULL)
   AND NOT (j.state = 'failed' AND coalesce(j.error_code, '') = 'consent_required' AND j.provider IN
            (SELECT a.provider FROM alerts AS a INDEXED BY alerts_raised WHERE a.state = 'raised' AND a.code = 'consent_required'))`

	lookJobsSQL = `
SELECT j.job_id, j.planned_at < ?1, coalesce(` + jobOver + `, 0)
  FROM jobs AS j WHERE j.job_id > ?2 ORDER BY j.job_id` + step

	pruneJobsSQL = `
DELETE FROM jobs AS j WHERE j.job_id IN (SELECT value FROM json_each(?2)) AND ` + jobOver

	// A run goes when all of its jobs do. Its key, which makes a message once, goes with it.
	lookRunsSQL = `
SELECT r.run_id, r.requested_at < ?1,
       coalesce(r.finished_at < ?1 AND NOT EXISTS (SELECT 1 FROM jobs AS j WHERE j.run_id = r.run_id AND NOT coalesce(` + jobOver + `, 0)), 0)
  FROM runs AS r WHERE r.run_id > ?2 ORDER BY r.run_id` + step

	pruneRunsSQL = `
DELETE FROM runs AS r WHERE r.run_id IN (SELECT value FROM json_each(?2)) AND r.finished_at < ?1
   AND NOT EXISTS (SELECT 1 FROM jobs AS j WHERE j.run_id = r.run_id)`

	lookAlertsSQL = `
SELECT alert_id, since < ?1, coalesce(state = 'resolved' AND resolved_at < ?1, 0)
  FROM alerts WHERE alert_id > ?2 ORDER BY alert_id` + step

	pruneAlertsSQL = `
DELETE FROM alerts WHERE alert_id IN (SELECT value FROM json_each(?2)) AND state = 'resolved' AND resolved_at < ?1`

	// The last tick of a schedule stays: those that are missed are counted from there.
	lastTick = `(SELECT max(m.due_at) FROM ticks AS m WHERE m.schedule = ?3)`

	lookTicksSQL = `
SELECT due_at, due_at < ?1, due_at < ?1 AND due_at < ` + lastTick + `
  FROM ticks WHERE schedule = ?3 AND due_at > ?2 ORDER BY due_at` + step

	pruneTicksSQL = `
DELETE FROM ticks WHERE schedule = ?3 AND due_at IN (SELECT value FROM json_each(?2))
   AND due_at < ?1 AND due_at < ` + lastTick

	// The last event of an order stays, and so do those that told last of its despatch
	// advices and invoices, and those that are still to be published.
	eventOver = `e.observed_at < ?1
   AND e.revision < (SELECT o.revision FROM orders AS o WHERE o.provider = e.provider AND o.account = e.account AND o.order_id = e.order_id)
   AND NOT EXISTS (SELECT 1 FROM order_documents AS d WHERE d.provider = e.provider AND d.account = e.account
                      AND d.order_id = e.order_id AND d.revision = e.revision)
   AND e.id NOT IN (SELECT b.event FROM outbox AS b WHERE b.event IS NOT NULL)`

	lookEventsSQL = `
SELECT e.id, e.observed_at < ?1, coalesce(` + eventOver + `, 0)
  FROM order_events AS e WHERE e.id > ?2 ORDER BY e.id` + step

	pruneEventsSQL = `
DELETE FROM order_events AS e WHERE e.id IN (SELECT value FROM json_each(?2)) AND ` + eventOver
)
