package reports

import (
	"context"
	"database/sql"
	"errors"
	"slices"
	"time"

	"orderbeat/clients"
	"orderbeat/db/sqlite"
	"orderbeat/jobs"
)

// MaxCounted bounds what is counted for display; more is shown as that number and a plus sign.
const MaxCounted = 10_000

// Counts are the numbers of the overview. Each is at most [MaxCounted].
type Counts struct {
	OpenOrders, LateOrders int
	// Outbox is the number of messages that wait to be published, SetAside of those that NATS
	// rejects.
	Outbox, SetAside int
	OutboxSince      *time.Time // of the oldest message
	// Jobs counts unfinished jobs, and those that ended since a time without success, by state.
	Jobs map[jobs.State]int
}

// Counts returns the numbers of the overview. since bounds the age of ended jobs.
func (r *Reports) Counts(ctx context.Context, since time.Time) (c Counts, err error) {
	c.Jobs = map[jobs.State]int{}
	for query, n := range map[string]*int{
		openOrdersSQL: &c.OpenOrders, lateOrdersSQL: &c.LateOrders, outboxSQL: &c.Outbox, setAsideSQL: &c.SetAside,
	} {
		if err := r.bulk.QueryRowContext(ctx, query, MaxCounted).Scan(n); err != nil {
			return c, err
		}
	}
	err = r.bulk.QueryRowContext(ctx, oldestSQL).Scan(sqlite.TimeOrNil(&c.OutboxSince))
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return c, err
	}
	for _, state := range []jobs.State{jobs.Queued, jobs.Running, jobs.Waiting, jobs.Partial, jobs.Failed, jobs.Dead, jobs.Cancelled} {
		from := ""
		if state.Ended() {
			from = ulidPrefix(since)
		}
		var n int
		if err := r.bulk.QueryRowContext(ctx, countJobsSQL, string(state), from, MaxCounted).Scan(&n); err != nil {
			return c, err
		}
		c.Jobs[state] = n
	}
	return c, nil
}

const (
	openOrdersSQL = `SELECT count(*) FROM (SELECT 1 FROM orders INDEXED BY orders_open WHERE ` + isOpen + ` LIMIT ?)`

	lateOrdersSQL = `SELECT count(*) FROM (SELECT 1 FROM orders INDEXED BY orders_next_promised WHERE ` + isLate + ` LIMIT ?)`

	// isLate searches orders_next_promised up to the latest local date of all accounts.
	isLate = isOpen + ` AND next_promised_on > ''
     AND next_promised_on < (SELECT max(coalesce((SELECT max(local_date) FROM accounts), ''), date('now')))
     AND next_promised_on < ` + localDate

	outboxSQL   = `SELECT count(*) FROM (SELECT 1 FROM outbox LIMIT ?)`
	setAsideSQL = `SELECT count(*) FROM (SELECT 1 FROM unpublishable LIMIT ?)`
	oldestSQL   = `SELECT time FROM outbox ORDER BY id LIMIT 1`

	countJobsSQL = `SELECT count(*) FROM (SELECT 1 FROM jobs WHERE state = ? AND state <> 'succeeded' AND job_id >= ? LIMIT ?)`
)

// RecentChange is a revision in the list of the latest ones.
type RecentChange struct {
	Provider, Account, OrderID string
	Reference                  clients.Text
	Revision
}

// RecentChanges returns the latest revisions of all orders.
func (r *Reports) RecentChanges(ctx context.Context, limit int) ([]RecentChange, error) {
	return sqlite.Fetch(ctx, r.bulk, func(rows *sql.Rows) (c RecentChange, err error) {
		err = rows.Scan(append([]any{&c.Provider, &c.Account, &c.OrderID, &c.Reference}, c.dest()...)...)
		return c, err
	}, recentSQL, limit)
}

const recentSQL = `
SELECT provider, account, order_id, reference, ` + revisionColumns + `
  FROM order_events ORDER BY id DESC LIMIT ?`

// Tick is one due time of a schedule and its outcome.
type Tick struct {
	DueAt                  time.Time
	Outcome, Reason, RunID string
	RunState               jobs.State // of the run that it started, "" if there is none
}

// LastTicks returns the last ticks of a schedule that were due since a time, the oldest first.
func (r *Reports) LastTicks(ctx context.Context, schedule string, since time.Time, limit int) ([]Tick, error) {
	list, err := sqlite.Fetch(ctx, r.bulk, func(rows *sql.Rows) (t Tick, err error) {
		err = rows.Scan(sqlite.Time(&t.DueAt), &t.Outcome, sqlite.Text(&t.Reason), sqlite.Text(&t.RunID), sqlite.Text(&t.RunState))
		return t, err
	}, ticksSQL, schedule, stamp(since), limit)
	slices.Reverse(list)
	return list, err
}

const ticksSQL = `
SELECT t.due_at, t.outcome, t.reason, t.run_id, r.state FROM ticks AS t LEFT JOIN runs AS r USING (run_id)
 WHERE t.schedule = ? AND t.due_at >= ? ORDER BY t.due_at DESC LIMIT ?`

// ResolvedAlert is an alert of the past.
type ResolvedAlert struct {
	Code                             clients.Code
	Provider, Account, User, Message string
	Since, ResolvedAt                time.Time
}

// ResolvedAlerts returns the latest resolved alerts.
func (r *Reports) ResolvedAlerts(ctx context.Context, limit int) ([]ResolvedAlert, error) {
	return sqlite.Fetch(ctx, r.bulk, func(rows *sql.Rows) (a ResolvedAlert, err error) {
		err = rows.Scan(&a.Code, &a.Provider, &a.Account, &a.User, &a.Message, sqlite.Time(&a.Since), sqlite.Time(&a.ResolvedAt))
		return a, err
	}, resolvedSQL, limit)
}

// All other alerts are raised; there are few of them.
const resolvedSQL = `
SELECT code, provider, account, user, message, since, resolved_at FROM alerts WHERE state = 'resolved' ORDER BY alert_id DESC LIMIT ?`
