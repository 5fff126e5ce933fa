package clienttest

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"orderbeat/clients/exchange"
)

// recorded checks that exchanges are recorded without secrets, and, if they are recorded in full, that the
// result can be reproduced from them without a token request or a call.
func (r *runner) recorded(t *testing.T) {
	p, s := r.start(t, reply(http.StatusOK, r.Answer), nil)
	ctx, recording := exchange.Record(t.Context())
	want, err := r.ask(ctx, p)
	if err != nil {
		t.Fatal(err)
	}
	list := recording.Exchanges()
	if calls := int(s.calls.Load()); len(list) != calls || calls == 0 {
		t.Fatalf("got %d exchanges of %d calls", len(list), calls)
	}
	for _, x := range list {
		body, err := x.Body()
		if err != nil {
			t.Error(err)
		}
		text := fmt.Sprintf("%+v\n%s", x, body)
		for _, secret := range append(r.Secrets, ClientSecret, tokenCanary) {
			if strings.Contains(text, secret) {
				t.Errorf("the exchange contains %q: %s", secret, text)
			}
		}
		if x.Detail != exchange.Full {
			return // there is nothing to remap
		}
	}
	calls, grants := s.calls.Load(), s.grants.Load()
	got, err := r.ask(exchange.WithPlayback(t.Context(), list), r.open(t, s.URL))
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("mapped again, %v (-first +again):\n%s", err, diff)
	}
	if s.calls.Load() != calls || s.grants.Load() != grants {
		t.Errorf("got %d calls and %d token requests during playback, want none", s.calls.Load()-calls, s.grants.Load()-grants)
	}
}
