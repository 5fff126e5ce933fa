package stricttest_test

import (
	"fmt"
	"math"
	"testing"
	"time"

	"orderbeat/auth"
)

// Three processes share a user's one rotating refresh token, and call all the time: with
// a pause that leaves the machine to the servers, whose tokens live a second or two.
func TestFleetSharesARotatingGrant(t *testing.T) {
	for name, run := range servers {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, run, *fleetLife)
			o := r.orders(*fleetFor)
			o.Callers, o.Pause, o.Timeout = 20, 100*time.Millisecond, 10*time.Second
			var calls, again int64
			for i, got := range r.fleet(t, o) {
				calls, again = calls+int64(got.Calls), again+got.Status.Replays
				if got.failures() > 0 || got.Calls == 0 {
					t.Errorf("process %d: %d of %d calls failed: %v", i, got.failures(), got.Calls, got.Failed)
				}
				if got.Status.State != auth.StateValid || got.Status.ConsentReason != "" {
					t.Errorf("process %d ends in state %s (%s), want valid", i, got.Status.State, got.Status.ConsentReason)
				}
			}
			seen := r.proxy.refreshes()
			life := toldLife(t, seen)
			least := int(math.Ceil(float64(*fleetFor)/float64(life))) - 1
			most := int(float64(*fleetFor)/(0.6*float64(life))) + 1
			if len(seen) < least || len(seen) > most {
				t.Errorf("%d refreshes, want %d to %d", len(seen), least, most)
			}
			t.Logf("%d calls, %d of them sent again after a 401, %d refreshes in %v; tokens lived %v", calls, again, len(seen), *fleetFor, life)
		})
	}
}

// toldLife is how long tokens lived on average: fosite rounds their ends to seconds, up
// or down, and tells what comes of it.
func toldLife(t *testing.T, seen []refresh) time.Duration {
	t.Helper()
	var sum time.Duration
	for i, r := range seen {
		if !r.granted() {
			t.Fatalf("refresh %d: status %d, want 200", i+1, r.status)
		}
		sum += r.told
	}
	if len(seen) == 0 {
		t.Fatal(fmt.Errorf("no refresh in %v", *fleetFor))
	}
	return sum / time.Duration(len(seen))
}
