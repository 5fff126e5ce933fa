package httpapi

import (
	"context"
	"net/http"
	"time"

	"orderbeat/clients"
	"orderbeat/clients/exchange"
)

// notes are the responses to one call, of which its signer returns the last: after the others it sent
// the call again. They belong to the goroutine of the call.
type notes struct{ list []answered }

type answered struct {
	status int
	header http.Header
	began  time.Time
	took   time.Duration
}

type notesKey struct{}

// noting is a context in which responses are noted.
func noting(ctx context.Context) (context.Context, *notes) {
	n := &notes{}
	return context.WithValue(ctx, notesKey{}, n), n
}

// note notes a response, if requested.
func note(ctx context.Context, resp *http.Response, began time.Time) {
	if n, ok := ctx.Value(notesKey{}).(*notes); ok {
		n.list = append(n.list, answered{resp.StatusCode, resp.Header, began, time.Since(began)})
	}
}

// sentAgain records the responses after which a call was sent again: all but the last if that is the
// call's response, whose status is final. Their bodies are unknown.
func (h *HTTP) sentAgain(ctx context.Context, into *exchange.Recording, call *Call, n *notes, final int) {
	list := n.list
	if final != 0 && len(list) > 0 {
		list = list[:len(list)-1]
	}
	for _, u := range list {
		x := h.asked(ctx, call, call.header(), u.began, u.took)
		x.Status, x.ResponseHeader, x.RequestBody, x.Truncated, x.Detail = u.status, h.hide.Header(u.header), "", false, exchange.Metadata
		x.Code, x.Message = string(clients.CodeUnauthorized), "the token was rejected; the call was sent again with another"
		into.Add(func() *exchange.Exchange { return x })
	}
}
