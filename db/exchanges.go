package db

import (
	"net/http"
	"strings"

	"orderbeat/jobs"
)

// keptExchanges is how many exchanges are kept of a provider.
const keptExchanges = 1000

// keepExchange keeps what went over the wire where an attempt's answer could not be
// read, in the place of the provider's oldest exchange when there are enough.
func (t *tx) keepExchange(o *jobs.Outcome) error {
	if o.Err == nil || o.Err.Exchange == nil {
		return nil
	}
	x := o.Err.Exchange
	_, err := t.exec(keepExchangeSQL, o.RunID, o.ID, o.Provider, o.Account, x.Op, x.Method, x.URL, zeroNull(x.Status),
		stamp(x.StartedAt), x.Duration.Milliseconds(), orNull(headerLines(x.RequestHeader)), orNull(x.RequestBody),
		orNull(headerLines(x.ResponseHeader)), orNull(x.ResponseBody), x.ResponseBytes, x.Truncated,
		string(o.Err.Code), orNull(o.Err.Message))
	if err != nil {
		return err
	}
	_, err = t.exec(dropExchangesSQL, o.Provider, o.Provider, keptExchanges)
	return err
}

const (
	keepExchangeSQL = `
INSERT INTO exchanges (run_id, job_id, provider, account, op, method, url, status, started_at, duration_ms,
       request_headers, request_body, response_headers, response_body, response_bytes, truncated, error_code, error)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`

	dropExchangesSQL = `
DELETE FROM exchanges
 WHERE provider = ? AND exchange_id <= (SELECT exchange_id FROM exchanges WHERE provider = ?
                                         ORDER BY exchange_id DESC LIMIT 1 OFFSET ?)`
)

// headerLines are a header's lines, by name.
func headerLines(h http.Header) string {
	var b strings.Builder
	_ = h.Write(&b) // a Builder takes everything
	return strings.ToValidUTF8(strings.ReplaceAll(b.String(), "\r\n", "\n"), "\uFFFD")
}
