package credentials

import (
	"context"
	"sync"

	"orderbeat/auth"
	"orderbeat/worker/wait"
)

// statusChange is a credential's status at a point in time.
type statusChange struct {
	credential *credential
	status     auth.Status
}

// statusQueue has the unprocessed status changes, in order. Adding one never
// blocks, because it happens during a renewal.
type statusQueue struct {
	mu   sync.Mutex // guards list
	list []statusChange
	more wait.Signal // a change was added
}

func newStatusQueue() *statusQueue { return &statusQueue{more: wait.NewSignal()} }

// add appends the status that status returns. status is called under the lock, so that changes of a
// credential stay in order.
func (n *statusQueue) add(c *credential, status func() auth.Status) {
	n.mu.Lock()
	n.list = append(n.list, statusChange{c, status()})
	n.mu.Unlock()
	n.more.Set()
}

// next waits for the oldest change and removes it; false if ctx ended first.
func (n *statusQueue) next(ctx context.Context) (statusChange, bool) {
	for {
		if r, ok := n.take(); ok {
			return r, true
		}
		select {
		case <-n.more:
		case <-ctx.Done():
			return statusChange{}, false
		}
	}
}

func (n *statusQueue) take() (statusChange, bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if len(n.list) == 0 {
		return statusChange{}, false
	}
	r := n.list[0]
	n.list = n.list[1:]
	return r, true
}
