package credentials

import (
	"context"
	"sync"

	"orderbeat/auth"
)

// report is what a credential's state was at a moment.
type report struct {
	credential *credential
	status     auth.Status
}

// news are the reports that nobody has read yet, in order. Whoever adds one does not
// wait: it is the source's own flight.
type news struct {
	mu   sync.Mutex // guards list
	list []report
	more chan struct{} // has one when something was added
}

func newNews() *news { return &news{more: make(chan struct{}, 1)} }

// add adds a report that status makes. Under the lock none overtakes another: what a
// source tells next, it tells after this.
func (n *news) add(c *credential, status func() auth.Status) {
	n.mu.Lock()
	n.list = append(n.list, report{c, status()})
	n.mu.Unlock()
	select {
	case n.more <- struct{}{}:
	default: // it is told already
	}
}

// next waits for the oldest report and takes it; false when ctx ended first.
func (n *news) next(ctx context.Context) (report, bool) {
	for {
		if r, ok := n.take(); ok {
			return r, true
		}
		select {
		case <-n.more:
		case <-ctx.Done():
			return report{}, false
		}
	}
}

func (n *news) take() (report, bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if len(n.list) == 0 {
		return report{}, false
	}
	r := n.list[0]
	n.list = n.list[1:]
	return r, true
}
