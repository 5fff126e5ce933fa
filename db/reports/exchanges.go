package reports

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"orderbeat/db/sqlite"
)

// ExchangeRow is a recorded exchange in a list.
type ExchangeRow struct {
	ExchangeID                int64
	StartedAt                 time.Time
	Provider, Account         string
	Op, Method, URL           string
	Status                    int // 0 without a response
	DurationMS, ResponseBytes int64
	Attempt                   int
	ErrorCode                 string
}

// ExchangeFilter selects exchanges; an empty field matches all.
type ExchangeFilter struct {
	Provider, Account, RunID, JobID string
	Failed                          bool
	Before                          int64 // continues a list before this exchange
	Limit                           int
}

// Exchanges returns exchanges, the latest first, and where the list continues, 0 at its end. searched is
// set if it ends because that many exchanges were compared with the filter.
func (r *Reports) Exchanges(ctx context.Context, f ExchangeFilter) (list []ExchangeRow, before int64, searched int, err error) {
	query, args := f.edgeQuery()
	var edge int64
	if err := r.bulk.QueryRowContext(ctx, query, args...).Scan(&edge); err != nil && !errors.Is(err, sql.ErrNoRows) {
		return nil, 0, 0, err
	}
	query, args = f.query(edge)
	list, err = sqlite.Fetch(ctx, r.bulk, func(rows *sql.Rows) (x ExchangeRow, err error) {
		err = rows.Scan(&x.ExchangeID, sqlite.Time(&x.StartedAt), &x.Provider, sqlite.Text(&x.Account), &x.Op, &x.Method, &x.URL, &x.Status,
			&x.DurationMS, &x.ResponseBytes, &x.Attempt, sqlite.Text(&x.ErrorCode))
		return x, err
	}, query, args...)
	switch {
	case err != nil:
		return nil, 0, 0, err
	case len(list) > f.Limit:
		list = list[:f.Limit]
		return list, list[f.Limit-1].ExchangeID, 0, nil
	case edge > 0:
		return list, edge, maxSearched, nil
	}
	return list, 0, 0, nil
}

// within are the bounds of the index.
func (f ExchangeFilter) within() (w sqlite.Where) {
	switch {
	case f.JobID != "":
		w.And("job_id = ?", f.JobID)
	case f.RunID != "":
		w.And("job_id IN (SELECT j.job_id FROM jobs AS j WHERE j.run_id = ?)", f.RunID)
	default:
		w.Add("provider = ?", f.Provider)
	}
	if f.Before > 0 {
		w.And("exchange_id < ?", f.Before)
	}
	return w
}

func (f ExchangeFilter) edgeQuery() (string, []any) {
	w := f.within()
	return "SELECT exchange_id FROM exchanges" + w.SQL() + " ORDER BY exchange_id DESC LIMIT 1 OFFSET ?", append(w.Args, maxSearched-1)
}

func (f ExchangeFilter) query(edge int64) (string, []any) {
	w := f.within()
	w.And("exchange_id >= ?", edge)
	w.Add("+provider = ?", f.Provider) // + leaves the choice of the index alone
	w.Add("+account = ?", f.Account)
	if f.Failed {
		w.And("error_code IS NOT NULL")
	}
	return `
SELECT exchange_id, started_at, provider, account, op, method, url, coalesce(status, 0), duration_ms, response_bytes, coalesce(attempt, 0), error_code
  FROM exchanges` + w.SQL() + ` ORDER BY exchange_id DESC LIMIT ?`, append(w.Args, f.Limit+1)
}
