package stricttest_test

import (
	"slices"
	"syscall"
	"testing"
	"time"

	"orderbeat/auth"
)

// A process is killed when it has the answer, and with it the only refresh token.
func TestProcessIsKilledBeforeItStoresTheResponse(t *testing.T) {
	t.Parallel()
	for name, run := range servers {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, run, 2*time.Second)
			o := r.orders(10 * time.Second)
			o.Die = beforeCommit
			launch(t, o).killed(t)
			wantStatuses(t, r.proxy.refreshes(), granted)

			for i, got := range r.fleet(t, r.orders(leased+4*time.Second)) {
				wantLapsed(t, i, got)
			}
			seen := r.proxy.refreshes()
			wantStatuses(t, seen, granted, refused)
			if got := seen[len(seen)-1].at.Sub(seen[0].at); got < leased-time.Second/2 {
				t.Errorf("it was sent once more after %v, while the lease lasted", got)
			}
		})
	}
}

// A process is killed after it recorded that it is about to send the refresh: whether it sent it is unknown, and so
// it is sent once more.
func TestProcessIsKilledBeforeItSends(t *testing.T) {
	t.Parallel()
	for name, run := range servers {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, run, 2*time.Second)
			o := r.orders(10 * time.Second)
			o.Die = beforeSending
			launch(t, o).killed(t)
			wantStatuses(t, r.proxy.refreshes())

			const runs = leased + 4*time.Second
			o = r.orders(runs)
			o.Timeout = 10 * time.Second // a busy server's answer is waited for: unanswered, it would be asked a third time
			for i, got := range r.fleet(t, o) {
				if got.Status.State != auth.StateValid || got.LastServed < runs-time.Second {
					t.Errorf("process %d ends in state %s, last served after %v", i, got.Status.State, got.LastServed)
				}
			}
			seen := r.proxy.refreshes()
			wantStatuses(t, seen, slices.Repeat([]outcome{granted}, max(1, len(seen)))...)
		})
	}
}

// The one that would send it once more is killed too: the server has refused nothing, and it
// is sent all the same.
func TestTwoProcessesAreKilledBeforeTheySend(t *testing.T) {
	t.Parallel()
	for name, run := range servers {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, run, 2*time.Second)
			o := r.orders(20 * time.Second)
			o.Timeout = time.Second // leases are shorter so, and no request is made
			o.Die = beforeSending
			launch(t, o).killed(t)
			launch(t, o).killed(t)

			o.Die, o.For = "", leased
			for i, got := range r.fleet(t, o) {
				if got.Status.State != auth.StateValid {
					t.Errorf("process %d ends in state %s, want the grant to live on", i, got.Status.State)
				}
			}
			seen := r.proxy.refreshes()
			wantStatuses(t, seen, slices.Repeat([]outcome{granted}, max(1, len(seen)))...)
		})
	}
}

// A process is stopped, as a laptop's lid does it, when its refresh was answered, and
// goes on when its lease is over and others have sent the refresh token once more.
func TestProcessIsSuspendedLongerThanItsLease(t *testing.T) {
	t.Parallel()
	for name, run := range servers {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, run, 2*time.Second)
			sleeper, asleep := make(chan *process, 1), make(chan struct{})
			r.proxy.next(after(func() {
				signal(t, <-sleeper, syscall.SIGSTOP)
				close(asleep)
			}))
			first := launch(t, r.orders(leased+9*time.Second))
			sleeper <- first
			<-asleep
			others := []*process{launch(t, r.orders(leased+6*time.Second)), launch(t, r.orders(leased+6*time.Second))}
			r.proxy.wait(t, 2)
			wantStatuses(t, r.proxy.refreshes(), granted, refused)
			signal(t, first, syscall.SIGCONT)

			got := first.report(t)
			for _, p := range others {
				if other := p.report(t); other.Status.State != got.Status.State {
					t.Errorf("the processes do not agree: %s and %s", got.Status.State, other.Status.State)
				}
			}
			if r.server.family && got.Status.State != auth.StateConsent {
				t.Errorf("it ends in state %s, but the grant is over", got.Status.State)
			}
			refusals := 0
			for _, s := range r.proxy.refreshes() {
				if !s.granted() {
					refusals++
				}
			}
			if refusals > 2 { // the second, and one with what the sleeper found when it woke up
				t.Errorf("%d refreshes were refused: %+v", refusals, r.proxy.refreshes())
			}
			t.Logf("it ends in state %s after %d refreshes", got.Status.State, len(r.proxy.refreshes()))
		})
	}
}

func signal(t *testing.T, p *process, s syscall.Signal) {
	t.Helper()
	if err := p.cmd.Process.Signal(s); err != nil {
		t.Errorf("signal %v: %v", s, err)
	}
}
