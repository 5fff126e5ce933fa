package leader // an inside test: outside, a shutdown rarely meets a renewal

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"time"

	"orderbeat/worker/bus"
	"orderbeat/worker/bus/embedded"
	"orderbeat/worker/problems"
)

func acquired(t *testing.T) *Lease {
	t.Helper()
	log := slog.New(slog.DiscardHandler)
	config := bus.Config{Store: t.TempDir(), Prefix: "orderbeat"}
	server, err := embedded.Open(t.Context(), config, log)
	if err != nil {
		t.Fatal(err)
	}
	set := problems.NewSet(log)
	conn, err := bus.Open(config, server, set, log, func(error) {})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(conn.Close)
	l := New(Config{
		Conn: conn, ID: "id", Place: "here", Activity: set.Activity("lease"), Log: log,
		Progress: func() (map[string]time.Time, bool) { return nil, false },
	})
	if _, held := l.Acquire(t.Context()); !held {
		t.Fatal("the lease was not acquired")
	}
	return l
}

func TestReleaseAfterACancelledRenewal(t *testing.T) {
	for name, renewal := range map[string]func(t *testing.T, l *Lease){
		"not written": func(t *testing.T, l *Lease) {
			t.Helper()
			cancelled, cancel := context.WithCancel(t.Context())
			cancel()
			if _, _, err := l.read(cancelled); err == nil { // as a renewal does after its own failure
				t.Fatal("a cancelled lookup succeeded")
			}
		},
		"written": func(t *testing.T, l *Lease) {
			t.Helper()
			if _, err := l.put(t.Context(), l.revision); err != nil { // the response is lost
				t.Fatal(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			l := acquired(t)
			renewal(t, l)
			if err := l.Release(t.Context()); err != nil {
				t.Fatal(err)
			}
			if last, _, err := l.read(t.Context()); err != nil || !last.Released {
				t.Errorf("got %+v, %v, want a released lease", last, err)
			}
		})
	}
}

func TestUnreadableLeaseIsReplaced(t *testing.T) {
	l := acquired(t)
	for _, garbage := range []string{"{}", "", "not JSON", `{"id":"x"}`, "null"} {
		if _, err := l.kv.Put(t.Context(), leaseKey, []byte(garbage)); err != nil {
			t.Fatal(err)
		}
		if _, _, err := l.read(t.Context()); !errors.Is(err, errUnreadable) {
			t.Errorf("%q: got %v, want it unreadable", garbage, err)
		}
		if err := l.renew(t.Context()); err != nil {
			t.Errorf("%q: %v", garbage, err)
		}
		if last, _, err := l.read(t.Context()); err != nil || last.Process != l.mine.Process {
			t.Errorf("%q: got %+v, %v, want the lease of this process", garbage, last, err)
		}
	}
}
