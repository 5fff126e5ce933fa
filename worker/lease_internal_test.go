package worker // an inside test: nobody outside sees how far a schedule is accounted for

import (
	"testing"
	"testing/synctest"
	"time"
)

func TestDueTimesAreAccountedForInOrder(t *testing.T) {
	noon := time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)
	minute := func(n int) time.Time { return noon.Add(time.Duration(n) * time.Minute) }
	r := newReckoning()
	r.add(minute(3))
	r.done(minute(3))
	if _, known := r.accounted(); known {
		t.Error("known, before what passed earlier is listed")
	}
	r.begin(noon, []time.Time{minute(1), minute(2)})
	for _, step := range []struct {
		done time.Time
		want time.Time
	}{{minute(2), noon}, {noon, noon}, {minute(1), minute(3)}} {
		r.done(step.done)
		if got, known := r.accounted(); !got.Equal(step.want) || !known {
			t.Errorf("with %s done: got %s, %v, want %s", step.done, got, known, step.want)
		}
	}
	r.add(minute(4), time.Time{})
	if got, _ := r.accounted(); !got.Equal(minute(3)) {
		t.Errorf("got %s, want %s: the next one is not done", got, minute(3))
	}
}

// Who could not renew for long publishes nothing and takes nothing, until it could.
func TestALeaseThatWasNotRenewedIsNotSure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := &lease{}
		l.hold(1, time.Now())
		if !l.sure() || !l.maySpeak() || !l.certain(t.Context()) {
			t.Error("just renewed, and not sure")
		}
		time.Sleep(sureFor)
		if l.sure() || l.maySpeak() {
			t.Error("sure, when another one may have taken over soon")
		}
		time.AfterFunc(time.Second, func() { l.hold(2, time.Now()) })
		if !l.certain(t.Context()) {
			t.Error("renewed, and not certain")
		}
		l.set(leaseElsewhere, "standing by")
		if l.sure() || !l.maySpeak() {
			t.Error("one that stands by tells what it has, and takes nothing")
		}
		l.set(leaseOver, "over")
		if l.maySpeak() {
			t.Error("one that lost the lease goes on")
		}
	})
}
