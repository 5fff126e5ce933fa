package leader // an inside test: nobody outside sees whether a lease is sure

import (
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"orderbeat/worker/problems"
)

// Who could not renew for long publishes nothing and takes nothing, until it could.
func TestLeaseWithoutRenewalDoesNotLead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := &Lease{activity: problems.NewSet(slog.New(slog.DiscardHandler)).Activity("lease")}
		l.hold(1, time.Now())
		if !l.IsLeader() || !l.CanPublish() || !l.WaitLeader(t.Context()) {
			t.Error("just renewed, and not sure")
		}
		time.Sleep(sureFor)
		if l.IsLeader() || l.CanPublish() {
			t.Error("sure, when another one may have taken over soon")
		}
		time.AfterFunc(time.Second, func() { l.hold(2, time.Now()) })
		if !l.WaitLeader(t.Context()) {
			t.Error("renewed, and not certain")
		}
		l.set(Elsewhere, "standby")
		if l.IsLeader() || !l.CanPublish() {
			t.Error("one that stands by tells what it has, and takes nothing")
		}
		l.set(Over, "over")
		if l.CanPublish() {
			t.Error("one that lost the lease goes on")
		}
	})
}
