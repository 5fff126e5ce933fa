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
	mu      sync.Mutex // guards the rest
	known   bool       // what passed before the program started is in open
	lost    bool       // one of open will not be accounted for by this program
	until   time.Time  // all due times until then are accounted for
	open    []dueTime  // those after it that are known of, oldest first
	changed chan struct{}
}

func newReckoning() *reckoning { return &reckoning{changed: make(chan struct{})} }

type dueTime struct {
	at   time.Time
	done bool
}

// begin notes until when all was accounted for before, and what passed since.
func (r *reckoning) begin(until time.Time, passed []time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	open := make([]dueTime, 0, len(passed)+len(r.open))
	for _, t := range passed {
		open = append(open, dueTime{at: t})
	}
	r.known, r.until, r.open = true, until, append(open, r.open...)
	r.tell()
}

// add notes due times that come next.
func (r *reckoning) add(due ...time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, t := range due {
		if !t.IsZero() { // there is no next one
			r.open = append(r.open, dueTime{at: t})
		}
	}
}

// done notes that a due time is accounted for.
func (r *reckoning) done(due time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for i := range r.open {
		r.open[i].done = r.open[i].done || r.open[i].at.Equal(due)
	}
	for r.known && len(r.open) > 0 && r.open[0].done {
		r.until, r.open = r.open[0].at, r.open[1:]
	}
	r.tell()
}

// drop forgets a due time that nobody will account for.
func (r *reckoning) drop(due time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.open = slices.DeleteFunc(r.open, func(d dueTime) bool { return d.at.Equal(due) })
	r.tell()
}

// lose notes that a due time will not be accounted for, and so none after it.
func (r *reckoning) lose() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.lost = true
	r.tell()
}

// tell wakes those who wait for their turn. The mutex is held.
func (r *reckoning) tell() {
	close(r.changed)
	r.changed = make(chan struct{})
}

// turn waits until all due times before this one are accounted for. It returns false when
// one of them is lost.
func (r *reckoning) turn(due time.Time) bool {
	for {
		r.mu.Lock()
		i := slices.IndexFunc(r.open, func(d dueTime) bool { return d.at.Equal(due) })
		lost, changed := r.lost, r.changed
		first := i < 0 || i == 0 && r.known
		r.mu.Unlock()
		if first || lost {
			return !lost
		}
		<-changed
	}
}

// accounted is until when all due times are, false while that is not known.
func (r *reckoning) accounted() (time.Time, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.until, r.known
}
