package exchanges

import (
	"net/http"
	"strings"

	"orderbeat/clients/exchange"
	"orderbeat/db/sqlite"
	"orderbeat/jobs"
)

// Record stores the HTTP exchanges of an attempt.
func Record(t *sqlite.Tx, o *jobs.Outcome) error {
	for i := range o.Exchanges {
		x := &o.Exchanges[i]
		requestHeader, responseHeader := headerLines(x.RequestHeader), headerLines(x.ResponseHeader)
		const rest = 200 // approximate size of the other columns
		size := rest + len(x.URL) + len(requestHeader) + len(x.RequestBody) + len(responseHeader) + len(x.ResponseBody) + len(x.ResponseGzip)
		_, err := t.Exec(insertExchangeSQL, o.RunID, o.ID, o.Provider, o.Account, x.Op, x.Method, x.URL, sqlite.ZeroNull(x.Status),
			sqlite.Stamp(x.StartedAt), x.Duration.Milliseconds(), sqlite.OrNull(requestHeader), sqlite.OrNull(x.RequestBody),
			sqlite.OrNull(responseHeader), sqlite.OrNull(x.ResponseBody), x.ResponseBytes, x.Truncated,
			sqlite.OrNull(x.Code), sqlite.OrNull(x.Message), o.Attempt, string(detailOf(x)), size, bytesOrNull(x.ResponseGzip))
		if err != nil {
			return err
		}
	}
	return nil
}

// detailOf returns the level of detail that is recorded of an exchange.
func detailOf(x *exchange.Exchange) exchange.Detail {
	if x.Detail == exchange.Metadata {
		return x.Detail
	}
	return exchange.Full
}

// bytesOrNull returns NULL for nil.
func bytesOrNull(b []byte) any {
	if b == nil {
		return nil
	}
	return b
}

const (
	insertExchangeSQL = `
INSERT INTO exchanges (run_id, job_id, provider, account, op, method, url, status, started_at, duration_ms,
       request_headers, request_body, response_headers, response_body, response_bytes, truncated, error_code, error,
       attempt, detail, upto, response_gzip)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, coalesce((` + UptoSQL + `), 0) + ?, ?)`

	// UptoSQL selects the size of all exchanges ever recorded, up to the last one.
	UptoSQL = `SELECT upto FROM exchanges WHERE exchange_id = (SELECT max(exchange_id) FROM exchanges)`
)

// headerLines formats a header, one line per value, sorted by name.
func headerLines(h http.Header) string {
	var b strings.Builder
	_ = h.Write(&b) // writing to a Builder does not fail
	return strings.ToValidUTF8(strings.ReplaceAll(b.String(), "\r\n", "\n"), "\uFFFD")
}
