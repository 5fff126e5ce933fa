package reports

import (
	"context"
	"database/sql"
	"encoding/json"
	"time"

	"orderbeat/clients"
	"orderbeat/db/sqlite"
)

// Revision is one entry of an order's timeline.
type Revision struct {
	Revision       int
	Type           string // of the event
	Status         clients.Status
	PreviousStatus clients.Text
	Changes        []Change
	ObservedAt     time.Time
	RunID, JobID   string
}

// Change is one difference, with the stored JSON of both sides.
type Change struct {
	Path          string
	Before, After json.RawMessage
}

const revisionColumns = `revision, type, status, previous_status, changes, observed_at, run_id, job_id`

// dest returns the scan destinations for revisionColumns.
func (v *Revision) dest() []any {
	return []any{&v.Revision, &v.Type, &v.Status, &v.PreviousStatus, sqlite.JSON(&v.Changes), sqlite.Time(&v.ObservedAt), &v.RunID, &v.JobID}
}

// Timeline returns up to limit revisions of an order before a revision (0 for the latest), the
// latest first.
func (r *Reports) Timeline(ctx context.Context, provider, account, orderID string, before, limit int) ([]Revision, error) {
	if before <= 0 {
		before = 1 << 31
	}
	return sqlite.Fetch(ctx, r.bulk, func(rows *sql.Rows) (v Revision, err error) {
		err = rows.Scan(v.dest()...)
		return v, err
	}, timelineSQL, provider, account, orderID, before, limit)
}

// Promise is what was promised for an order as of a revision.
type Promise struct {
	ObservedAt time.Time
	// Earliest and Latest are the promised dates of the open parts, "" if none is promised.
	Earliest, Latest clients.Date
}

// maxPromises bounds the revisions that a plot of promises has.
const maxPromises = 500

// Promises returns the promises of the last revisions of an order, the oldest first.
func (r *Reports) Promises(ctx context.Context, provider, account, orderID string) ([]Promise, error) {
	return sqlite.Fetch(ctx, r.bulk, func(rows *sql.Rows) (p Promise, err error) {
		err = rows.Scan(sqlite.Time(&p.ObservedAt), &p.Earliest, &p.Latest)
		return p, err
	}, promisesSQL, provider, account, orderID, maxPromises)
}

// JobExchange is an exchange of a job.
type JobExchange struct {
	ExchangeID int64
	JobID      string
	Op         string
	Status     int
	ErrorCode  string
}

// ExchangesOf returns the first exchanges of each job, at most limit in total.
func (r *Reports) ExchangesOf(ctx context.Context, jobIDs []string, limit int) (map[string][]JobExchange, error) {
	ids, err := sqlite.EncodeJSON(append([]string{}, jobIDs...)) // never null
	if err != nil {
		return nil, err
	}
	of := map[string][]JobExchange{}
	err = sqlite.Query(ctx, r.bulk, func(rows *sql.Rows) error {
		var x JobExchange
		err := rows.Scan(&x.ExchangeID, &x.JobID, &x.Op, &x.Status, sqlite.Text(&x.ErrorCode))
		of[x.JobID] = append(of[x.JobID], x)
		return err
	}, jobExchangesSQL, ids, limit)
	return of, err
}

const (
	timelineSQL = `
SELECT ` + revisionColumns + ` FROM order_events
 WHERE provider = ? AND account = ? AND order_id = ? AND revision < ?
 ORDER BY revision DESC LIMIT ?`

	promisesSQL = `
SELECT observed_at, document ->> '$.next_promised_on', document ->> '$.promised_on'
  FROM (SELECT revision, observed_at, document FROM order_events
         WHERE provider = ? AND account = ? AND order_id = ? ORDER BY revision DESC LIMIT ?)
 ORDER BY revision`

	jobExchangesSQL = `
SELECT x.exchange_id, x.job_id, x.op, coalesce(x.status, 0), x.error_code
  FROM json_each(?) AS j CROSS JOIN exchanges AS x ON x.job_id = j.value LIMIT ?`
)
