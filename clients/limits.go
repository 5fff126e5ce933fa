package clients

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/time/rate"
)

// Rate is a number of calls per second, minute or hour, written "10/s", "600/m" or "1000/h". The zero
// Rate is unlimited.
type Rate struct {
	Calls int
	Per   time.Duration
}

// UnmarshalText reads the written form.
func (r *Rate) UnmarshalText(text []byte) error {
	calls, per, ok := strings.Cut(string(text), "/")
	n, err := strconv.Atoi(calls)
	unit := map[string]time.Duration{"s": time.Second, "m": time.Minute, "h": time.Hour}[per]
	if !ok || err != nil || n < 1 || unit == 0 {
		return fmt.Errorf(`%q is not a rate: write calls per second, minute or hour, like "10/s", "600/m" or "1000/h"`, text)
	}
	*r = Rate{Calls: n, Per: unit}
	return nil
}

// String is the written form; "unlimited" for the zero Rate.
func (r Rate) String() string {
	if r.Per == 0 {
		return "unlimited"
	}
	return strconv.Itoa(r.Calls) + r.unit()
}

func (r Rate) unit() string {
	switch r.Per {
	case time.Second:
		return "/s"
	case time.Minute:
		return "/m"
	default:
		return "/h"
	}
}

// Limiter spaces calls evenly at the rate, with a [Burst].
func (r Rate) Limiter() *rate.Limiter {
	if r.Per == 0 {
		return rate.NewLimiter(rate.Inf, 1)
	}
	perSecond := rate.Limit(float64(r.Calls) / r.Per.Seconds())
	return rate.NewLimiter(perSecond, Burst(perSecond))
}

// SharedRate is a rate that several processes share: each uses an equal part. It is safe for
// concurrent use.
type SharedRate struct {
	*rate.Limiter
	whole rate.Limit
}

// Shared returns a limiter of the whole rate.
func (r Rate) Shared() *SharedRate {
	l := r.Limiter()
	return &SharedRate{l, l.Limit()}
}

// Share limits this process to its part of the rate, which n processes share equally.
func (s *SharedRate) Share(n int) {
	if part := ShareOf(s.whole, n); part != s.Limit() {
		s.SetLimit(part)
		s.SetBurst(Burst(part))
	}
}

// ShareOf returns the part of one process in a rate that n processes share equally.
func ShareOf(whole rate.Limit, n int) rate.Limit {
	if whole == rate.Inf {
		return whole
	}
	return whole / rate.Limit(n)
}

// Burst is the number of calls at once: a tenth of a second's worth, at least one.
func Burst(perSecond rate.Limit) int { return max(1, int(perSecond/10)) }

// Written formats a rate in the unit of r, with at most one decimal.
func (r Rate) Written(now rate.Limit) string {
	if now == rate.Inf {
		return Rate{}.String()
	}
	if r.Per == 0 {
		r.Per = time.Second
	}
	calls := float64(now) * r.Per.Seconds()
	return strconv.FormatFloat(float64(int(calls*10+0.5))/10, 'f', -1, 64) + r.unit()
}

// Retry limits the attempts of a job: Attempts in all, none later than For after the first.
type Retry struct {
	// Attempts is the number of attempts after which a job is dead, the first included; 8 by default.
	Attempts int `toml:"attempts"`
	// For is how long after the first attempt a job is retried; "6h" by default.
	For time.Duration `toml:"for"`
}

// Stats is the current state of calls to a provider in this process.
type Stats struct {
	Breaker BreakerStatus
	// PerSecond is the current rate, in calls per second: lower than configured after a 429. It is 0
	// without a limit.
	PerSecond float64
	// Rate is PerSecond in the configured unit: "7.5/s".
	Rate string
	// Calls are the metrics of the calls, nil for none.
	Calls prometheus.Collector
}

// BreakerState is the state of a circuit breaker.
type BreakerState string

// The states of a breaker.
const (
	BreakerClosed   BreakerState = "closed"    // calls pass
	BreakerOpen     BreakerState = "open"      // no calls pass
	BreakerHalfOpen BreakerState = "half_open" // one call passes and decides
)

// BreakerStates lists all states.
var BreakerStates = []BreakerState{BreakerClosed, BreakerOpen, BreakerHalfOpen}

// BreakerStatus is the status of a breaker.
type BreakerStatus struct {
	// State is the state of the breaker.
	State BreakerState `json:"state"`
	// Since is when it entered the state.
	Since time.Time `json:"since"`
	// Until is when an open breaker lets the next call pass; absent in the other states.
	Until *time.Time `json:"until,omitempty"`
	// Failures is the number of failed calls in a row.
	Failures int `json:"failures"`
}
