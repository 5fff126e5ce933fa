package exchanges

import (
	"bufio"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/http"
	"net/textproto"
	"strings"
	"time"

	"orderbeat/clients"
	"orderbeat/clients/exchange"
	"orderbeat/db/sqlite"
)

// Store reads recorded exchanges.
type Store struct{ file *sqlite.DB }

// New returns the exchanges of a file.
func New(file *sqlite.DB) *Store { return &Store{file} }

// ExchangeRow is a recorded exchange without its headers and bodies.
type ExchangeRow struct {
	ExchangeID int64  `json:"exchange_id"`
	RunID      string `json:"run_id"`
	JobID      string `json:"job_id"`
	// Attempt is the attempt of the job; 0 if unknown.
	Attempt  int    `json:"attempt,omitempty"`
	Provider string `json:"provider"`
	Account  string `json:"account"`
	Op       string `json:"op"`
	Method   string `json:"method"`
	URL      string `json:"url"`
	// Status is 0 if no response was received.
	Status        int       `json:"status"`
	StartedAt     time.Time `json:"started_at"`
	DurationMS    int64     `json:"duration_ms"`
	ResponseBytes int64     `json:"response_bytes"`
	Truncated     bool      `json:"truncated"`
	// Detail is "full" or "metadata"; "" for rows of versions that did not record it.
	Detail    exchange.Detail `json:"detail,omitempty"`
	ErrorCode clients.Code    `json:"error_code,omitempty"`
	Error     string          `json:"error,omitempty"`
}

// ExchangeFilter selects exchanges; an empty field matches all.
type ExchangeFilter struct {
	Provider, Account, RunID, JobID string
	// Failed selects exchanges with an error.
	Failed bool
	// Since selects exchanges that started at or after this time.
	Since time.Time
	// Before continues a list before this exchange.
	Before int64
	// Limit defaults to 100.
	Limit int
}

// Exchanges returns exchanges without headers and bodies, newest first.
func (s *Store) Exchanges(ctx context.Context, f ExchangeFilter) ([]ExchangeRow, error) {
	return s.list(ctx, f, 0, sqlite.Limit(f.Limit))
}

// ExchangePage is a part of a list of exchanges.
type ExchangePage struct {
	Exchanges []ExchangeRow
	// Before continues the list, see [ExchangeFilter]; 0 at its end.
	Before int64
	// Searched is set if the page ends because that many exchanges were compared with the filter.
	Searched int
}

// maxSearched bounds the exchanges that one page compares with the filter, so that a page is fast however rare the
// matches are.
const maxSearched = 10_000

// ExchangePage returns a page of exchanges without headers and bodies, newest first.
func (s *Store) ExchangePage(ctx context.Context, f ExchangeFilter) (p ExchangePage, err error) {
	query, args := f.edgeQuery()
	var edge int64 // where the search ends
	if err := s.file.Bulk().QueryRowContext(ctx, query, args...).Scan(&edge); err != nil && !errors.Is(err, sql.ErrNoRows) {
		return p, err
	}
	limit := sqlite.Limit(f.Limit)
	if p.Exchanges, err = s.list(ctx, f, edge, limit+1); err != nil {
		return p, err
	}
	switch {
	case len(p.Exchanges) > limit:
		p.Exchanges = p.Exchanges[:limit]
		p.Before = p.Exchanges[limit-1].ExchangeID
	case edge > 0:
		p.Before, p.Searched = edge, maxSearched
	}
	return p, nil
}

func (s *Store) list(ctx context.Context, f ExchangeFilter, edge int64, limit int) ([]ExchangeRow, error) {
	query, args := f.query(edge, limit)
	return sqlite.Fetch(ctx, s.file.Bulk(), func(rows *sql.Rows) (x ExchangeRow, err error) {
		err = rows.Scan(x.dest()...)
		return x, err
	}, query, args...)
}

// longestAttempt is longer than any attempt at a job.
const longestAttempt = time.Hour

// bounds are the bounds of the most selective index.
func (f ExchangeFilter) bounds() (w sqlite.Where) {
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
	w := f.bounds()
	return "SELECT exchange_id FROM exchanges" + w.SQL() + " ORDER BY exchange_id DESC LIMIT 1 OFFSET ?", append(w.Args, maxSearched-1)
}

func (f ExchangeFilter) query(edge int64, limit int) (string, []any) {
	w := f.bounds()
	if edge > 0 {
		w.And("exchange_id >= ?", edge)
	}
	w.Add("+provider = ?", f.Provider) // + leaves the choice of the index alone
	w.Add("+account = ?", f.Account)
	if !f.Since.IsZero() {
		// Exchanges are stored when a job's attempt has ended, so roughly in the order of their start: do not
		// read those before.
		w.And("exchange_id > coalesce((SELECT exchange_id FROM exchanges WHERE started_at < ? ORDER BY exchange_id DESC LIMIT 1), 0)",
			sqlite.Stamp(f.Since.Add(-longestAttempt)))
		w.And("started_at >= ?", sqlite.Stamp(f.Since))
	}
	if f.Failed {
		w.And("error_code IS NOT NULL")
	}
	return `SELECT ` + exchangeColumns + ` FROM exchanges` + w.SQL() + ` ORDER BY exchange_id DESC LIMIT ?`, append(w.Args, limit)
}

const exchangeColumns = `exchange_id, run_id, job_id, coalesce(attempt, 0), provider, account, op, method, url, coalesce(status, 0), started_at, duration_ms,
       response_bytes, truncated, detail, error_code, error`

func (x *ExchangeRow) dest() []any {
	return []any{
		&x.ExchangeID,
		sqlite.Text(&x.RunID),
		sqlite.Text(&x.JobID),
		&x.Attempt, &x.Provider,
		sqlite.Text(&x.Account),
		&x.Op, &x.Method, &x.URL, &x.Status,
		sqlite.Time(&x.StartedAt),
		&x.DurationMS, &x.ResponseBytes, &x.Truncated,
		sqlite.Text(&x.Detail),
		sqlite.Text(&x.ErrorCode),
		sqlite.Text(&x.Error),
	}
}

// Exchange returns one exchange with its recorded headers and bodies; ok is false if it does not
// exist.
func (s *Store) Exchange(ctx context.Context, id int64) (row ExchangeRow, x exchange.Exchange, ok bool, err error) {
	err = sqlite.Query(ctx, s.file.Bulk(), func(rows *sql.Rows) (err error) {
		row, x, err = scanExchange(rows)
		ok = true
		return err
	}, exchangeSQL, id)
	return row, x, ok, err
}

const (
	exchangeTexts = `request_headers, request_body, response_headers, response_body, response_gzip`

	exchangeSQL = `SELECT ` + exchangeColumns + `, ` + exchangeTexts + ` FROM exchanges WHERE exchange_id = ?`
)

func scanExchange(rows *sql.Rows) (row ExchangeRow, x exchange.Exchange, err error) {
	var requestHeader, responseHeader string
	err = rows.Scan(append(row.dest(), sqlite.Text(&requestHeader), sqlite.Text(&x.RequestBody), sqlite.Text(&responseHeader),
		sqlite.Text(&x.ResponseBody), &x.ResponseGzip)...)
	if err != nil {
		return row, x, fmt.Errorf("exchange %d: %w", row.ExchangeID, err)
	}
	x.Op, x.Method, x.URL, x.Status, x.StartedAt = row.Op, row.Method, row.URL, row.Status, row.StartedAt
	x.Duration, x.ResponseBytes, x.Truncated = time.Duration(row.DurationMS)*time.Millisecond, row.ResponseBytes, row.Truncated
	x.Detail, x.Code, x.Message = row.Detail, string(row.ErrorCode), row.Error
	x.RequestHeader, x.ResponseHeader = parseHeader(requestHeader), parseHeader(responseHeader)
	return row, x, nil
}

// parseHeader parses the output of headerLines. It ignores an invalid line and everything after it.
func parseHeader(lines string) http.Header {
	h, _ := textproto.NewReader(bufio.NewReader(strings.NewReader(lines + "\n"))).ReadMIMEHeader()
	return http.Header(h)
}
