package httpapi

import (
	"sync"
	"time"

	"golang.org/x/time/rate"

	"orderbeat/clients"
)

const (
	// regained is how much each response other than a 429 raises a reduced rate: by one call a minute,
	// so that calls at half of any rate regain it within a minute.
	regained = rate.Limit(1.0 / 60)
	// slowest is the lowest fraction of the usual rate.
	slowest = 1.0 / 16
)

// slowdown finds the rate that a provider accepts: each 429 halves it, except for those of calls in
// flight together, and each other response raises it by a step up to the usual rate (additive
// increase, multiplicative decrease). The zero slowdown has changed nothing; it is safe for
// concurrent use.
type slowdown struct {
	mu    sync.Mutex // guards the following fields, and changes of the limiter's rate
	on    bool
	usual rate.Limit // the rate without a slowdown
	goal  rate.Limit // the end of the slowdown: usual or, without a limit, the rate of the last calls
	calls recent     // if there is no limit
}

// sent notes a call, which matters only without a limit.
func (s *slowdown) sent(l *rate.Limiter) {
	if l.Limit() != rate.Inf {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls.add(time.Now())
}

// answered changes the limiter's rate after a response.
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

// retune changes the usual rate. A slowdown goes on towards it, and ends if it is not faster.
func (s *slowdown) retune(l *rate.Limiter, usual rate.Limit) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.on = s.on && usual > l.Limit(); s.on {
		s.usual = usual
		if usual != rate.Inf {
			s.goal = usual
		}
		return
	}
	setRate(l, usual)
}

// setRate changes a rate, and with it the burst.
func setRate(l *rate.Limiter, to rate.Limit) {
	l.SetLimit(to)
	if to != rate.Inf {
		l.SetBurst(clients.Burst(to))
	}
}

// recent are the times of the last n calls.
type recent struct {
	at [64]time.Time
	n  int
}

func (r *recent) add(now time.Time) {
	r.at[r.n%len(r.at)] = now
	r.n++
}

// rate is the number of calls per second, over the time since the oldest remembered call, at least
// one second. Too few calls have no rate.
func (r *recent) rate(now time.Time) rate.Limit {
	const few = 10
	known := min(r.n, len(r.at))
	if known < few {
		return rate.Inf
	}
	oldest := r.at[(r.n-known)%len(r.at)]
	return rate.Limit(float64(known) / max(1, now.Sub(oldest).Seconds()))
}
