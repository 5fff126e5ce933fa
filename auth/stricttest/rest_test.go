package stricttest_test

import (
	"net/http"
	"slices"
	"testing"
	"time"

	"orderbeat/auth"
	"orderbeat/auth/endpoint"
)

func TestOutageBacksOff(t *testing.T) {
	t.Parallel()
	for name, run := range servers {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			const runs = 12 * time.Second
			r := newRig(t, run, 2*time.Second)
			out := refuse(http.StatusServiceUnavailable, "")
			r.proxy.next(out, out, out)
			for i, got := range r.fleet(t, r.orders(runs)) {
				wantRecovered(t, i, got, runs, endpoint.ClassTransient)
			}
			seen := r.proxy.refreshes()
			wantStatuses(t, seen, append([]outcome{unasked, unasked, unasked}, slices.Repeat([]outcome{granted}, max(0, len(seen)-3))...)...)
			for i, least := range []time.Duration{500 * time.Millisecond, time.Second, 2 * time.Second} {
				if got := seen[i+1].at.Sub(seen[i].at); got < least || got > 2*least+time.Second {
					t.Errorf("after outage %d: the next refresh comes after %v, want %v to %v", i+1, got, least, 2*least)
				}
			}
			if most := 3 + 10; len(seen) > most { // tokens are renewed after 0.6 s at the earliest, where fosite rounds their life down
				t.Errorf("%d refreshes in %v, want %d at most", len(seen), runs, most)
			}
		})
	}
}

// The server's wish counts where it is longer than our own rest, of 15 s.
func TestThrottledClientHonorsRetryAfter(t *testing.T) {
	t.Parallel()
	for name, run := range servers {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			const told, runs = 17 * time.Second, 21 * time.Second
			r := newRig(t, run, 2*time.Second)
			r.proxy.next(refuse(http.StatusTooManyRequests, "17"))
			for i, got := range r.fleet(t, r.orders(runs)) {
				wantRecovered(t, i, got, runs, endpoint.ClassThrottle)
			}
			seen := r.proxy.refreshes()
			wantStatuses(t, seen[:2], unasked, granted)
			if got := seen[1].at.Sub(seen[0].at); got < told || got > told+2*time.Second {
				t.Errorf("the next refresh comes after %v, want %v", got, told)
			}
		})
	}
}

// wantRecovered checks that a process is served again, and that nothing was held
// against its credentials.
func wantRecovered(t *testing.T, process int, got report, runs time.Duration, class endpoint.Class) {
	t.Helper()
	if got.Status.State != auth.StateValid || got.LastServed < runs-time.Second {
		t.Errorf("process %d ends in state %s, last served after %v", process, got.Status.State, got.LastServed)
	}
	if got.Refused > 0 || got.Status.Refusals > 0 {
		t.Errorf("process %d: that was held against the client's credentials", process)
	}
	if f := got.Status.LastFailure; f == nil || f.Class != class {
		t.Errorf("process %d remembers the failure %+v, want the class %s", process, f, class)
	}
}
