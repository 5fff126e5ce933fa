package httpapi

import (
	"context"
	"net/http"
	"time"

	"orderbeat/clients"
	"orderbeat/clients/exchange"
)

// sending is a call in progress, for the round trippers below its signer. It belongs to the goroutine of
// the call.
type sending struct {
	*Call
	// responses are the responses to a recorded call. The signer returns the last one; after each of the others it
	// sent the call again.
	responses []answered
	into      *exchange.Recording // nil without recording
}

type answered struct {
	status int
	header http.Header
	began  time.Time
	took   time.Duration
}

type sendingKey struct{}

// sendingOf returns the call of a context, an empty one if there is none.
func sendingOf(ctx context.Context) *sending {
	if s, ok := ctx.Value(sendingKey{}).(*sending); ok {
		return s
	}
	return &sending{Call: &Call{}}
}

func (s *sending) note(resp *http.Response, began time.Time) {
	if s.into != nil {
		s.responses = append(s.responses, answered{resp.StatusCode, resp.Header, began, time.Since(began)})
	}
}

// recordReplays records the responses after which a call was sent again: all but the last if final, the status
// of the call's response, is not 0. Their bodies are unknown.
func (h *HTTP) recordReplays(ctx context.Context, s *sending, final int) {
	list := s.responses
	if final != 0 && len(list) > 0 {
		list = list[:len(list)-1]
	}
	for _, u := range list {
		x := h.requestOf(ctx, s.Call, s.header(), u.began, u.took)
		x.Status, x.ResponseHeader, x.RequestBody, x.Truncated, x.Detail = u.status, h.hide.Header(u.header), "", false, exchange.Metadata
		x.Code, x.Message = string(clients.CodeUnauthorized), "the token was rejected; the call was sent again with another token"
		s.into.Add(func() *exchange.Exchange { return x })
	}
}
