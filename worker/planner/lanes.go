package planner

import (
	"context"
	"sync"
)

// lanes runs tasks concurrently, but the tasks of one lane in order: a slow task delays only its own
// lane. Both the number of accepted tasks and the number of running tasks are bounded.
type lanes struct {
	free    chan struct{} // one element for each free slot
	running chan struct{} // one element for each running task
	working sync.WaitGroup

	mu   sync.Mutex               // guards last
	last map[string]chan struct{} // by lane; closed when its last accepted task has ended
}

func newLanes(accepted, atOnce int) *lanes {
	l := &lanes{free: make(chan struct{}, accepted), running: make(chan struct{}, atOnce), last: map[string]chan struct{}{}}
	for range accepted {
		l.free <- struct{}{}
	}
	return l
}

// room waits until a task can be accepted, and returns the number of free slots, or 0 if ctx has ended.
func (l *lanes) room(ctx context.Context) int {
	select {
	case slot := <-l.free:
		l.free <- slot
		return len(l.free)
	case <-ctx.Done():
		return 0
	}
}

// run adds a task to a lane, and waits for a free slot. If ctx ends meanwhile, the
// task runs immediately in the caller's goroutine, so it must check ctx itself.
func (l *lanes) run(ctx context.Context, lane string, task func()) {
	select {
	case <-l.free:
	case <-ctx.Done():
		task()
		return
	}
	ended := make(chan struct{})
	l.mu.Lock()
	before := l.last[lane]
	l.last[lane] = ended
	l.mu.Unlock()
	l.working.Go(func() {
		if before != nil {
			<-before
		}
		l.running <- struct{}{}
		task()
		<-l.running
		l.mu.Lock()
		if l.last[lane] == ended {
			delete(l.last, lane)
		}
		l.mu.Unlock()
		close(ended)
		l.free <- struct{}{}
	})
}

// wait waits until every accepted task has ended.
func (l *lanes) wait() { l.working.Wait() }
