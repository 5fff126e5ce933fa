package follower // inside, for decode

import (
	"context"
	"errors"
	"log/slog"
	"testing"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"orderbeat/db/outbox"
	"orderbeat/worker/problems"
)

// message is a message with a body and headers.
type message struct {
	jetstream.Msg
	body   string
	header nats.Header
}

func (m message) Data() []byte         { return []byte(m.body) }
func (m message) Headers() nats.Header { return m.header }

// The document of an event that is too large for a message is requested again while it cannot be read, and once
// if it is gone.
func TestUnreadDocumentIsRequestedAgain(t *testing.T) {
	t.Parallel()
	const order = `{"provider":"acme","account":"a","order_id":"1","revision":1,"order":{"provider":"acme","account":"a","order_id":"1"}}`
	for name, test := range map[string]struct {
		failures []error
		complete bool
	}{
		"it cannot be read at first": {[]error{context.DeadlineExceeded}, true},
		"it is gone":                 {[]error{jetstream.ErrObjectNotFound}, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			requests := 0
			topic := topic{Config: Config{
				Document: func(context.Context, string) ([]byte, error) {
					if requests++; requests <= len(test.failures) {
						return nil, test.failures[requests-1]
					}
					return []byte(order), nil
				},
				Revision: func(context.Context, string, string, string, int) (*outbox.Event, error) {
					return nil, errors.New("no process leads")
				},
			}, activity: problems.NewSet(slog.New(slog.DiscardHandler)).Activity("follow orders")}
			p := topic.decode(t.Context(), message{
				body:   `{"provider":"acme","account":"a","order_id":"1","revision":1,"truncated":true}`,
				header: nats.Header{"ce-type": {outbox.TypeOrderCreated}, "ce-id": {"acme.a.1.1"}, outbox.HeaderDocument: {"document"}},
			})
			if want := map[bool]int{true: 2, false: 1}[test.complete]; requests != want {
				t.Errorf("requested %d times, want %d", requests, want)
			}
			if _, _, id, revision := p.Order(); id != "1" || revision != 1 {
				t.Errorf("got revision %d of %q, want 1 of 1", revision, id)
			}
		})
	}
}
