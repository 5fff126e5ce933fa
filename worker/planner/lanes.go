package planner

import (
	"context"
	"sync"
)

// lanes runs tasks concurrently, those of one lane one after another, in order: a task that
// takes long delays its own lane only. The number of tasks that wait or run is bounded, and
// so is the number of those that run.
type lanes struct {
	free    chan struct{} // one for each task that may be accepted
	running chan struct{} // one for each task that may run
	working sync.WaitGroup

	mu     sync.Mutex // guards queued
	queued map[string][]func()
}

func newLanes(accepted, atOnce int) *lanes {
	l := &lanes{free: make(chan struct{}, accepted), running: make(chan struct{}, atOnce), queued: map[string][]func(){}}
	for range accepted {
		l.free <- struct{}{}
	}
	return l
}

// room waits until a task can be accepted, and returns how many can be: 0 when ctx ended.
func (l *lanes) room(ctx context.Context) int {
	select {
	case slot := <-l.free:
		l.free <- slot
		return len(l.free)
	case <-ctx.Done():
		return 0
	}
}

// run accepts a task for a lane, and waits while there is no room. When ctx ends meanwhile
// the task runs at once: it finds out by itself.
func (l *lanes) run(ctx context.Context, lane string, task func()) {
	select {
	case <-l.free:
	case <-ctx.Done():
		task()
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	waiting, busy := l.queued[lane]
	l.queued[lane] = append(waiting, task)
	if !busy {
		l.working.Go(func() { l.drain(lane) })
	}
}

// drain runs the tasks of a lane until none is left.
func (l *lanes) drain(lane string) {
	for {
		l.mu.Lock()
		waiting := l.queued[lane]
		if len(waiting) == 0 {
			delete(l.queued, lane)
			l.mu.Unlock()
			return
		}
		task := waiting[0]
		l.queued[lane] = waiting[1:]
		l.mu.Unlock()
		l.running <- struct{}{}
		task()
		<-l.running
		l.free <- struct{}{}
	}
}

// wait waits until every accepted task has ended.
func (l *lanes) wait() { l.working.Wait() }
