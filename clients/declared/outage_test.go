package declared_test

import (
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"orderbeat/clients"
)

// Calls that find no answer are not sent on and on. One that was kept back is no question
// that cannot be asked again, and a ping is sent all the same.
func TestOutageOpensTheBreaker(t *testing.T) {
	t.Parallel()
	var calls atomic.Int64
	server := answering(t, func(w http.ResponseWriter, r *http.Request) {
		calls.Add(1)
		if r.URL.Path != "/ping" {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	})
	c := written(t, server.URL, "ping = \"/ping\"\n"+simple("method = \"POST\"\nidempotent = false\n"))
	deadline := time.Now().Add(30 * time.Second)
	for c.Stats().Breaker.State == clients.BreakerClosed && time.Now().Before(deadline) {
		_, err := c.Orders(t.Context(), window())
		if e := clients.AsError(err); e == nil || e.Code != clients.CodeUnavailable {
			t.Fatalf("got %v, want unavailable", err)
		}
		time.Sleep(500 * time.Millisecond)
	}
	st, sent := c.Stats().Breaker, calls.Load()
	_, err := c.Orders(t.Context(), window())
	resting := st.Until != nil && time.Now().Before(*st.Until) // else this machine is slow
	if e := clients.AsError(err); st.State == clients.BreakerClosed || e == nil || e.Code != clients.CodeUnavailable || resting && (!e.NotSent || calls.Load() != sent) {
		t.Errorf("got %+v of %+v after %d calls more, want it kept back, to be asked later", e, st, calls.Load()-sent)
	}
	if _, err := c.Check(t.Context(), window().Account); err != nil || calls.Load() == sent {
		t.Errorf("got %v after %d calls, want the ping answered", err, calls.Load()-sent)
	}
}
