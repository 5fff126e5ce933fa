package stricttest_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"orderbeat/auth"
)

// The server has rotated the refresh token, and no process here has the new one: the old
// one is sent once more, which these servers refuse, and never again.
func TestRefreshWithALostResponseIsReplayedOnce(t *testing.T) {
	t.Parallel()
	for name, lost := range map[string]fault{
		"the connection ends": lose,
		"it comes too late":   delay(2 * timeout),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for name, run := range servers {
				t.Run(name, func(t *testing.T) {
					t.Parallel()
					r := newRig(t, run, 2*time.Second)
					r.proxy.next(lost)
					for i, got := range r.fleet(t, r.orders(8*time.Second)) {
						wantLapsed(t, i, got)
						if got.LastServed > 4*time.Second {
							t.Errorf("process %d: calls are still served after %v", i, got.LastServed)
						}
					}
					wantStatuses(t, r.proxy.refreshes(), granted, refused)
				})
			}
		})
	}
}

// Where the second one has no answer either, it is sent again after a cooldown: the server has
// refused nothing.
func TestRefreshThatWasSentTwiceIsRetriedLater(t *testing.T) {
	t.Parallel()
	for name, run := range servers {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, run, 2*time.Second)
			r.proxy.next(cut, cut, cut)
			for i, got := range r.fleet(t, r.orders(12*time.Second)) {
				if got.Status.State != auth.StateValid || got.LastServed < 10*time.Second {
					t.Errorf("process %d ends in state %s, last served after %v", i, got.Status.State, got.LastServed)
				}
			}
			seen := r.proxy.refreshes()
			wantStatuses(t, seen[:4], unasked, unasked, unasked, granted)
			if rest := seen[2].at.Sub(seen[1].at); rest < time.Second/2 {
				t.Errorf("it was sent a third time after %v, without a rest", rest)
			}
		})
	}
}

// The server never got to see the refresh, so that the second one succeeds. No call
// hears of it.
func TestRefreshThatDoesNotArriveIsReplayedOnce(t *testing.T) {
	t.Parallel()
	for name, before := range map[string]fault{
		"the connection ends": cut,
		"no response":         hang,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for name, run := range servers {
				t.Run(name, func(t *testing.T) {
					t.Parallel()
					r := newRig(t, run, 2*time.Second)
					r.proxy.next(before)
					for i, got := range r.fleet(t, r.orders(6*time.Second)) {
						wantServed(t, i, got)
					}
					seen := r.proxy.refreshes()
					wantStatuses(t, seen[:2], unasked, granted)
					if got := seen[1].at.Sub(seen[0].at); got > timeout+time.Second {
						t.Errorf("it was sent once more after %v", got)
					}
					wantStatuses(t, seen[2:], slices.Repeat([]outcome{granted}, len(seen)-2)...)
				})
			}
		})
	}
}

// An answer that takes its time is waited for, also when the old token ends meanwhile.
func TestSlowRefresh(t *testing.T) {
	t.Parallel()
	for name, run := range servers {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, run, 2*time.Second)
			r.proxy.next(delay(timeout / 2))
			for i, got := range r.fleet(t, r.orders(5*time.Second)) {
				wantServed(t, i, got)
			}
			seen := r.proxy.refreshes()
			wantStatuses(t, seen, slices.Repeat([]outcome{granted}, len(seen))...)
		})
	}
}

// outcome is what a server made of a refresh.
type outcome string

const (
	unasked outcome = "unasked" // it did not get to see it
	granted outcome = "granted"
	refused outcome = "refused"
)

func wantStatuses(t *testing.T, seen []refresh, want ...outcome) {
	t.Helper()
	got := make([]outcome, 0, len(seen))
	for _, r := range seen {
		switch {
		case r.granted():
			got = append(got, granted)
		case r.status == 0:
			got = append(got, unasked)
		default:
			got = append(got, refused)
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("refreshes: got %v want %v", got, want)
	}
}

// wantServed checks that no call of a process failed.
func wantServed(t *testing.T, process int, got report) {
	t.Helper()
	if got.failures() > 0 || got.Calls == 0 {
		t.Errorf("process %d: %d of %d calls failed: %v", process, got.failures(), got.Calls, got.Failed)
	}
	if got.Status.State != auth.StateValid || got.Status.ConsentReason != "" {
		t.Errorf("process %d ends in state %s (%s), want %s", process, got.Status.State, got.Status.ConsentReason, auth.StateValid)
	}
}

// wantLapsed checks that a process knows that johndoe has to grant access again, and why.
func wantLapsed(t *testing.T, process int, got report) {
	t.Helper()
	if got.Status.State != auth.StateConsent || !strings.Contains(got.Status.ConsentReason, "lost") {
		t.Errorf("process %d ends in state %s (%s), want %s, and the answer lost", process, got.Status.State, got.Status.ConsentReason, auth.StateConsent)
	}
	if got.Refused > 0 || got.Status.Refusals > 0 {
		t.Errorf("process %d: that was held against the client's credentials", process)
	}
}
