package leader // an inside test: IsLeader is not visible outside

import (
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"orderbeat/worker/problems"
)

// A leader without a recent renewal neither publishes nor receives until it has renewed.
func TestLeaseWithoutRenewalDoesNotLead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := &Lease{Config: Config{Activity: problems.NewSet(slog.New(slog.DiscardHandler)).Activity("lease")}}
		l.hold(1, time.Now())
		if !l.IsLeader() || !l.WaitLeader(t.Context()) {
			t.Error("not the leader right after a renewal")
		}
		time.Sleep(sureFor)
		if l.IsLeader() {
			t.Error("still the leader when another one may take over")
		}
		time.AfterFunc(time.Second, func() { l.hold(2, time.Now()) })
		if !l.WaitLeader(t.Context()) {
			t.Error("not the leader after another renewal")
		}
		l.set(Elsewhere, "another one leads")
		if l.IsLeader() {
			t.Error("leads although another process does")
		}
	})
}
