package worker

import (
	"sync"
	"time"

	"github.com/robfig/cron/v3"
)

// planned remembers the due times that the engine was told and did not run yet: the
// engine does not tell a job which one it is run for. Nor does it know those that passed
// while it ran none, which happens when the machine sleeps or its clock jumps.
type planned struct {
	cron.Schedule
	from      time.Time // the first due time is after this, whenever the engine asks
	reckoning *reckoning
	overslept func(due []time.Time)

	mu   sync.Mutex // guards what follows
	last time.Time  // the due time that the engine was told last, zero before the first
	due  []time.Time
}

// Next is asked for the first due time when the engine starts, and for the next one
// each time it has run one.
func (p *planned) Next(t time.Time) time.Time {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.last.IsZero() {
		t = p.from
	} else if due := missed(p.Schedule, p.last, t); len(due) > 0 {
		p.reckoning.add(due...)
		p.overslept(due)
	}
	p.last = p.Schedule.Next(t)
	p.reckoning.add(p.last)
	p.due = append(p.due, p.last)
	return p.last
}

// forget takes back the due time that the engine was told last and will not run.
func (p *planned) forget() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if n := len(p.due); n > 0 {
		p.reckoning.drop(p.due[n-1])
		p.due = p.due[:n-1]
	}
}

// take returns the earliest due time that nobody took yet.
func (p *planned) take() time.Time {
	p.mu.Lock()
	defer p.mu.Unlock()
	due := p.due[0]
	p.due = p.due[1:]
	return due
}
