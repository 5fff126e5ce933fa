package httpapi

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"strings"
	"time"

	"orderbeat/clients"
	"orderbeat/clients/exchange"
)

// replayed returns the recorded response to a call.
func (h *HTTP) replayed(ctx context.Context, p *exchange.Playback, c *Call) (*http.Response, error) {
	asked := h.requestOf(ctx, c, c.header(), time.Time{}, 0)
	x := p.Take(func(x *exchange.Exchange) bool {
		return x.Method == asked.Method && pathAndQuery(h.hide.URL(x.URL)) == pathAndQuery(asked.URL) &&
			h.recordedBody(ctx, x.RequestHeader, []byte(x.RequestBody), false) == asked.RequestBody
	})
	if x == nil {
		return nil, &clients.Error{
			Code: clients.CodeInvalid, Message: "no recorded response matches this request",
			Hint: "the requests have changed since they were recorded: run a new sync instead",
		}
	}
	body, err := x.Body()
	if err != nil {
		return nil, &clients.Error{Code: clients.CodeInternal, Message: err.Error()}
	}
	return &http.Response{
		StatusCode: x.Status, Header: x.ResponseHeader.Clone(), ContentLength: int64(len(body)),
		Body: io.NopCloser(bytes.NewReader(body)),
	}, nil
}

// pathAndQuery returns a URL without scheme and host, which may have changed.
func pathAndQuery(address string) string {
	_, rest, ok := strings.Cut(address, "://")
	if !ok {
		return address
	}
	if at := strings.IndexByte(rest, '/'); at >= 0 {
		return rest[at:]
	}
	return ""
}
