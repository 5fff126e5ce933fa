package httpapi

import (
	"sync"
	"time"

	"golang.org/x/time/rate"

	"orderbeat/clients"
)

const (
	// regained is by how much each answer that is no 429 raises a rate that was slowed
	// down: by a call a minute, so that half of any rate is regained within a minute of
	// calls at it.
	regained = rate.Limit(1.0 / 60)
	// slowest is the part of the usual rate that is left at least.
	slowest = 1.0 / 16
)

// slowdown finds the rate that a provider takes: each 429 halves it, but for those that
// were on their way together, and what else is answered raises it step by step, until it
// is what it was (additive increase, multiplicative decrease). The zero slowdown has
// changed nothing; it is safe for concurrent use.
type slowdown struct {
	mu    sync.Mutex // guards what follows, and changes of the limiter's rate
	on    bool
	usual rate.Limit // what holds when it is over
	goal  rate.Limit // where it is over: usual or, without a limit, the rate of the last calls
	calls recent     // where there is no limit
}

// sent notes a call, which is of interest where nothing limits them.
func (s *slowdown) sent(l *rate.Limiter) {
	if l.Limit() != rate.Inf {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls.add(time.Now())
}

// answered changes the limiter's rate after an answer.
func (s *slowdown) answered(l *rate.Limiter, tooMany bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := l.Limit()
	switch {
	case tooMany && !s.on:
		s.usual, s.goal = now, min(now, s.calls.rate(time.Now()))
		if s.on = s.goal < rate.Inf; s.on {
			setRate(l, s.goal/2)
		}
	case tooMany:
		setRate(l, max(now/2, s.goal*slowest))
	case !s.on:
	case now+regained < s.goal:
		setRate(l, now+regained)
	default:
		s.on, s.calls = false, recent{}
		setRate(l, s.usual)
	}
}

// setRate changes a rate, and with it how many calls may go at once.
func setRate(l *rate.Limiter, to rate.Limit) {
	l.SetLimit(to)
	if to != rate.Inf {
		l.SetBurst(clients.Burst(to))
	}
}

// recent are the times of the last calls, of which there were n.
type recent struct {
	at [64]time.Time
	n  int
}

func (r *recent) add(now time.Time) {
	r.at[r.n%len(r.at)] = now
	r.n++
}

// rate is how many calls there were in a second, as far as they are remembered: over the
// time since the oldest of them, a second at least. Of a few, there is no rate.
func (r *recent) rate(now time.Time) rate.Limit {
	const few = 10
	known := min(r.n, len(r.at))
	if known < few {
		return rate.Inf
	}
	oldest := r.at[(r.n-known)%len(r.at)]
	return rate.Limit(float64(known) / max(1, now.Sub(oldest).Seconds()))
}
