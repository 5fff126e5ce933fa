package httpapi

import (
	"sync"

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

// callRate limits calls to the rate that a provider accepts: a 429 halves it, once for all calls in
// flight together, and each other response raises it by a step up to the usual rate
// (additive increase, multiplicative decrease). It is safe for concurrent use.
type callRate struct {
	*rate.Limiter

	mu        sync.Mutex // guards the following fields, and changes of the limiter's rate
	processes int        // how many share the configured rate
	slow      bool       // the rate is reduced
	usual     rate.Limit // the rate to regain, if slow
}

func newCallRate(configured clients.Rate) *callRate {
	return &callRate{Limiter: configured.Limiter(), processes: 1}
}

func (r *callRate) noteResponse(tooMany bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := r.Limit()
	switch {
	case tooMany:
		if !r.slow {
			r.slow, r.usual = true, now
		}
		r.set(max(now/2, r.usual*slowest))
	case r.slow:
		to := min(now+regained, r.usual)
		r.slow = to < r.usual
		r.set(to)
	}
}

// tune sets the configured rate, and how many processes share it; 0 leaves their number. A reduced rate
// rises to the share step by step, unless it is higher.
func (r *callRate) tune(configured clients.Rate, processes int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if processes > 0 {
		r.processes = processes
	}
	usual := clients.ShareOf(configured.Limiter().Limit(), r.processes)
	if r.slow = r.slow && usual > r.Limit(); r.slow {
		r.usual = usual
		return
	}
	r.set(usual)
}

// set changes the rate, and with it the burst.
func (r *callRate) set(to rate.Limit) {
	r.SetLimit(to)
	if to != rate.Inf {
		r.SetBurst(clients.Burst(to))
	}
}
