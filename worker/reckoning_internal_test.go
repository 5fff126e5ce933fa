package worker // an inside test: nobody outside sees how far a schedule is accounted for

import (
	"fmt"
	"sync"
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

func TestDueTimesTakeTurns(t *testing.T) {
	for name, test := range map[string]struct {
		lose int // from this one on they are lost, 0 for none
		want string
	}{"all are accounted for": {0, "[1 2 3 4 5]"}, "the third is lost": {3, "[1 2]"}} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				noon := time.Now()
				minute := func(n int) time.Time { return noon.Add(time.Duration(n) * time.Minute) }
				r := newReckoning()
				r.add(minute(4), minute(5))
				var order []int
				var waiting sync.WaitGroup
				for n := 5; n > 0; n-- {
					waiting.Go(func() {
						time.Sleep(time.Duration(6-n) * time.Second) // the last one is there first
						switch {
						case !r.turn(minute(n)):
						case n == test.lose:
							r.lose()
						default:
							order = append(order, n)
							r.done(minute(n))
						}
					})
				}
				r.begin(noon, []time.Time{minute(1), minute(2), minute(3)})
				waiting.Wait()
				if got := fmt.Sprint(order); got != test.want {
					t.Errorf("got %s, want %s", got, test.want)
				}
			})
		})
	}
}
