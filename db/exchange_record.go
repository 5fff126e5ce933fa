package db

import (
	"net/http"
	"strings"

	"orderbeat/clients/exchange"
	"orderbeat/db/sqlite"
	"orderbeat/jobs"
)

// recordExchanges keeps what went over the wire in an attempt.
func (t *tx) recordExchanges(o *jobs.Outcome) error {
	for i := range o.Exchanges {
		x := &o.Exchanges[i]
		asked, answered := headerLines(x.RequestHeader), headerLines(x.ResponseHeader)
		const rest = 200 // of a row, beside its long texts
		size := rest + len(x.URL) + len(asked) + len(x.RequestBody) + len(answered) + len(x.ResponseBody) + len(x.ResponseGzip)
		_, err := t.Exec(keepExchangeSQL, o.RunID, o.ID, o.Provider, o.Account, x.Op, x.Method, x.URL, sqlite.ZeroNull(x.Status),
			stamp(x.StartedAt), x.Duration.Milliseconds(), sqlite.OrNull(asked), sqlite.OrNull(x.RequestBody),
			sqlite.OrNull(answered), sqlite.OrNull(x.ResponseBody), x.ResponseBytes, x.Truncated,
			sqlite.OrNull(x.Code), sqlite.OrNull(x.Message), o.Attempt, string(keepOf(x)), size, bytesOrNull(x.ResponseGzip))
		if err != nil {
			return err
		}
	}
	return nil
}

// keepOf says how much is kept of an exchange.
func keepOf(x *exchange.Exchange) exchange.Detail {
	if x.Detail == exchange.Metadata {
		return x.Detail
	}
	return exchange.Full
}

// bytesOrNull is NULL for nil.
func bytesOrNull(b []byte) any {
	if b == nil {
		return nil
	}
	return b
}

const (
	keepExchangeSQL = `
INSERT INTO exchanges (run_id, job_id, provider, account, op, method, url, status, started_at, duration_ms,
       request_headers, request_body, response_headers, response_body, response_bytes, truncated, error_code, error,
       attempt, detail, upto, response_gzip)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, coalesce((` + exchangesUptoSQL + `), 0) + ?, ?)`

	exchangesUptoSQL = `SELECT upto FROM exchanges WHERE exchange_id = (SELECT max(exchange_id) FROM exchanges)`
)

// headerLines are a header's lines, by name.
func headerLines(h http.Header) string {
	var b strings.Builder
	_ = h.Write(&b) // a Builder takes everything
	return strings.ToValidUTF8(strings.ReplaceAll(b.String(), "\r\n", "\n"), "\uFFFD")
}
