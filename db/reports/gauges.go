package reports

import (
	"context"
	"database/sql"
	"time"

	"orderbeat/db/sqlite"
	"orderbeat/jobs"
)

// maxGauge bounds what is counted for metrics, except open orders.
const maxGauge = 100_000

// OrderCount is a number of orders of a provider.
type OrderCount struct {
	Provider, Status string
	Orders           int
}

// OpenOrders counts the open orders by provider and status. It reads one index entry for each.
func (r *Reports) OpenOrders(ctx context.Context) ([]OrderCount, error) {
	return sqlite.Fetch(ctx, r.bulk, func(rows *sql.Rows) (c OrderCount, err error) {
		err = rows.Scan(&c.Provider, &c.Status, &c.Orders)
		return c, err
	}, openCountsSQL)
}

const openCountsSQL = `SELECT provider, status, count(*) FROM orders INDEXED BY orders_open WHERE ` + isOpen + ` GROUP BY provider, status`

// LateOrders counts the late orders by provider, in all at most 100,000.
func (r *Reports) LateOrders(ctx context.Context) ([]OrderCount, error) {
	return sqlite.Fetch(ctx, r.bulk, func(rows *sql.Rows) (c OrderCount, err error) {
		err = rows.Scan(&c.Provider, &c.Orders)
		return c, err
	}, lateCountsSQL, maxGauge)
}

const lateCountsSQL = `SELECT provider, count(*) FROM (SELECT provider FROM orders INDEXED BY orders_next_promised WHERE ` + isLate + ` LIMIT ?) GROUP BY provider`

// Backlog counts the jobs that wait or are in flight, by state, each at most 100,000.
func (r *Reports) Backlog(ctx context.Context) (map[jobs.State]int, error) {
	counts := map[jobs.State]int{}
	for _, state := range []jobs.State{jobs.Queued, jobs.Running, jobs.Waiting} {
		var n int
		if err := r.bulk.QueryRowContext(ctx, countJobsSQL, string(state), "", maxGauge).Scan(&n); err != nil {
			return nil, err
		}
		counts[state] = n
	}
	return counts, nil
}

// OldestMessage is the time of the oldest message of a topic in the outbox, nil if there is none.
func (r *Reports) OldestMessage(ctx context.Context, topic string) (t *time.Time, err error) {
	err = r.bulk.QueryRowContext(ctx, oldestMessageSQL, topic).Scan(sqlite.TimeOrNil(&t))
	return t, err
}

const oldestMessageSQL = `SELECT (SELECT time FROM outbox WHERE topic = ? ORDER BY id LIMIT 1)`
