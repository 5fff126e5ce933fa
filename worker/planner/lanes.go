package planner

import (
	"context"
	"sync"
)

// lanes runs tasks concurrently, those of one lane in order: a slow task delays only its own
// lane. The number of accepted tasks is bounded, and so is the number of running ones.
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

// run accepts a task for a lane, and waits while there is no room. If ctx ends meanwhile, the
// task runs at once and must check ctx itself.
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

// drain runs the tasks of a lane until its queue is empty.
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
