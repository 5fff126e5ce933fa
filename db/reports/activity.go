package reports

import (
	"context"
	"database/sql"
	"time"

	"orderbeat/db/sqlite"
	"orderbeat/jobs"
)

// ActivityPoint is what happened in a [Quarter], with all providers.
type ActivityPoint struct {
	StartedAt              time.Time
	Calls, Errors, Changes int64
	P50, P99               *float64 // milliseconds of a call, nil without calls
	Ended, Failed          int64    // jobs that were planned then and have ended; failed and dead ones
}

// ActivitySum is the sum of points.
type ActivitySum struct {
	Calls, Errors, Changes, Ended, Failed int64
	P50, P99                              float64 // 0 without calls
}

// maxJobsCounted bounds the jobs that are counted for [Reports.Activity], the latest first.
const maxJobsCounted = 50_000

// Activity returns what happened between two times, by quarter of an hour without gaps.
func (r *Reports) Activity(ctx context.Context, from, to time.Time) (points []ActivityPoint, sum ActivitySum, err error) {
	from = from.UTC().Truncate(Quarter)
	for at := from; at.Before(to); at = at.Add(Quarter) {
		points = append(points, ActivityPoint{StartedAt: at})
	}
	each, all := make([]durations, len(points)), durations{}
	point := func(at time.Time) int { // -1 if it is out of range
		i := int(at.Sub(from) / Quarter)
		if at.Before(from) || i >= len(points) {
			return -1
		}
		return i
	}
	err = sqlite.Query(ctx, r.bulk, func(rows *sql.Rows) error {
		var at time.Time
		var calls, errors, changes int64
		var spent durations
		if err := rows.Scan(sqlite.Time(&at), &calls, &errors, &changes, sqlite.JSON(&spent)); err != nil {
			return err
		}
		i := point(at)
		if i < 0 {
			return nil
		}
		points[i].Calls, points[i].Errors, points[i].Changes = points[i].Calls+calls, points[i].Errors+errors, points[i].Changes+changes
		each[i].merge(spent)
		all.merge(spent)
		return nil
	}, pastActivitySQL, stamp(from), stamp(to))
	if err != nil {
		return nil, sum, err
	}
	err = sqlite.Query(ctx, r.bulk, func(rows *sql.Rows) error {
		var hour string
		var quarter, n int64
		var state jobs.State
		if err := rows.Scan(&hour, &quarter, &state, &n); err != nil {
			return err
		}
		at, err := time.Parse("2006-01-02T15", hour)
		i := point(at.Add(time.Duration(quarter) * Quarter))
		if err != nil || i < 0 || !state.Ended() {
			return err
		}
		points[i].Ended += n
		if state == jobs.Failed || state == jobs.Dead {
			points[i].Failed += n
		}
		return nil
	}, pastJobsSQL, ulidPrefix(from), maxJobsCounted)
	if err != nil {
		return nil, sum, err
	}
	for i := range points {
		p := &points[i]
		p.P50, p.P99 = each[i].quantileOrNil(0.5), each[i].quantileOrNil(0.99)
		sum.Calls, sum.Errors, sum.Changes = sum.Calls+p.Calls, sum.Errors+p.Errors, sum.Changes+p.Changes
		sum.Ended, sum.Failed = sum.Ended+p.Ended, sum.Failed+p.Failed
	}
	sum.P50, _ = all.quantile(0.5)
	sum.P99, _ = all.quantile(0.99)
	return points, sum, nil
}

func (d durations) quantileOrNil(share float64) *float64 {
	ms, ok := d.quantile(share)
	if !ok {
		return nil
	}
	return &ms
}

const (
	pastActivitySQL = `SELECT started_at, calls, errors, changes, durations FROM activity WHERE started_at >= ? AND started_at < ?`

	pastJobsSQL = `
SELECT substr(planned_at, 1, 13), CAST(substr(planned_at, 15, 2) AS INTEGER) / 15, state, count(*)
  FROM (SELECT planned_at, state FROM jobs WHERE job_id >= ? ORDER BY job_id DESC LIMIT ?) GROUP BY 1, 2, 3`
)
