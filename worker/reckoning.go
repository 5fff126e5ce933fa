package worker

import (
	"slices"
	"sync"
	"time"
)

// reckoning is how far the due times of a schedule are accounted for, one after another:
// whoever looks for the last one that was finds that all before it were. Its methods may
// be called at the same time.
type reckoning struct {
	mu    sync.Mutex // guards the rest
	known bool       // what passed before the program started is in open
	lost  bool       // one of open will not be accounted for by this program
	until time.Time  // all due times until then are accounted for
	open  []*dueTime // those after it that are known of, oldest first
}

func newReckoning() *reckoning { return &reckoning{} }

type dueTime struct {
	at    time.Time
	done  bool
	turn  chan struct{} // closed when those before it are accounted for, or never will be
	given bool          // it is
}

func newDueTimes(at []time.Time) []*dueTime {
	var list []*dueTime
	for _, t := range at {
		if !t.IsZero() { // there is no next one
			list = append(list, &dueTime{at: t, turn: make(chan struct{})})
		}
	}
	return list
}

// give gives a due time its turn.
func (d *dueTime) give() {
	if !d.given {
		d.given = true
		close(d.turn)
	}
}

// begin notes until when all was accounted for before, and what passed since.
func (r *reckoning) begin(until time.Time, passed []time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.known, r.until, r.open = true, until, append(newDueTimes(passed), r.open...)
	r.next()
}

// add notes due times that come next.
func (r *reckoning) add(due ...time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.open = append(r.open, newDueTimes(due)...)
	r.next()
}

// done notes that a due time is accounted for.
func (r *reckoning) done(due time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, d := range r.open {
		d.done = d.done || d.at.Equal(due)
	}
	for r.known && len(r.open) > 0 && r.open[0].done {
		r.open[0].give()
		r.until, r.open = r.open[0].at, r.open[1:]
	}
	r.next()
}

// drop forgets a due time that nobody will account for.
func (r *reckoning) drop(due time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.open = slices.DeleteFunc(r.open, func(d *dueTime) bool {
		if d.at.Equal(due) {
			d.give()
			return true
		}
		return false
	})
	r.next()
}

// lose notes that a due time will not be accounted for, and so none after it.
func (r *reckoning) lose() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.lost = true
	for _, d := range r.open {
		d.give()
	}
}

// next gives the first one its turn. The mutex is held.
func (r *reckoning) next() {
	if r.known && len(r.open) > 0 {
		r.open[0].give()
	}
}

// turn waits until all due times before this one are accounted for. It returns false when
// one of them is lost.
func (r *reckoning) turn(due time.Time) bool {
	r.mu.Lock()
	i := slices.IndexFunc(r.open, func(d *dueTime) bool { return d.at.Equal(due) })
	lost := r.lost
	var turn chan struct{}
	if i >= 0 {
		turn = r.open[i].turn
	}
	r.mu.Unlock()
	if lost || turn == nil {
		return !lost
	}
	<-turn
	r.mu.Lock()
	defer r.mu.Unlock()
	return !r.lost
}

// accounted is until when all due times are, false while that is not known.
func (r *reckoning) accounted() (time.Time, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.until, r.known
}
