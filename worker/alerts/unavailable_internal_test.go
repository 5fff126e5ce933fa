package alerts // an inside test: it sets the clock

import (
	"log/slog"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"orderbeat/clients"
	"orderbeat/db"
	"orderbeat/worker/settings"
)

// breaker is a provider with a breaker that the test sets.
type breaker struct {
	clients.Provider
	status clients.BreakerStatus
}

func (b *breaker) Stats() clients.Stats { return clients.Stats{Breaker: b.status} }

func TestProviderThatDoesNotRespondForLongIsUnavailable(t *testing.T) {
	d, err := db.Open(t.Context(), db.Options{Path: filepath.Join(t.TempDir(), "orderbeat.db")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = d.Close() })
	b, now := &breaker{}, time.Now()
	all := New(d, slog.New(slog.DiscardHandler))
	var v *Availability
	start := func() {
		b.status = clients.BreakerStatus{State: clients.BreakerClosed}
		v = all.NewAvailability(func() []settings.Provider {
			return []settings.Provider{{Name: "michelin", Provider: b}, {Name: "declared"}}
		})
		v.started = now
	}
	// after moves the clock, sets the breaker, and compares the transitions so far.
	after := func(by time.Duration, state clients.BreakerState, failures int, want string) {
		t.Helper()
		now = now.Add(by)
		b.status.State, b.status.Failures = state, failures
		if err := v.check(t.Context(), now); err != nil {
			t.Fatal(err)
		}
		pending, err := d.Pending(t.Context(), now.Add(time.Hour), 1000)
		if err != nil {
			t.Fatal(err)
		}
		var states []string
		for _, m := range pending {
			states = append(states, m.MsgID[strings.LastIndex(m.MsgID, ".")+1:])
		}
		if got := strings.Join(states, " "); got != want {
			t.Errorf("%s with %d failures: got %q, want %q", state, failures, got, want)
		}
	}
	start()
	after(time.Minute, clients.BreakerOpen, 5, "")
	after(5*time.Minute, clients.BreakerHalfOpen, 6, "")
	after(time.Minute, clients.BreakerClosed, 0, "")
	after(time.Minute, clients.BreakerOpen, 5, "") // counts from here
	after(9*time.Minute, clients.BreakerOpen, 9, "")
	after(time.Minute, clients.BreakerHalfOpen, 9, "raised")
	after(time.Hour, clients.BreakerOpen, 20, "raised")

	start() // another process
	after(time.Minute, clients.BreakerClosed, 0, "raised")
	after(time.Minute, clients.BreakerOpen, 5, "raised")
	after(time.Hour, clients.BreakerHalfOpen, 25, "raised")
	after(time.Second, clients.BreakerClosed, 0, "raised resolved")

	after(time.Second, clients.BreakerOpen, 5, "raised resolved")
	after(11*time.Minute, clients.BreakerOpen, 9, "raised resolved raised")
	start() // the provider responds
	after(time.Minute, clients.BreakerClosed, 2, "raised resolved raised")
	after(5*time.Minute, clients.BreakerClosed, 0, "raised resolved raised resolved")
}
