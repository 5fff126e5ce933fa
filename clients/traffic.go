package clients

import (
	"strconv"
	"time"

	"golang.org/x/time/rate"
)

// Traffic is how calls to a provider go now, in this process.
type Traffic struct {
	Breaker BreakerStatus
	// PerSecond is the rate that holds now, in calls per second: less than configured
	// after a 429. It is 0 without a limit.
	PerSecond float64
	// Rate is PerSecond as people write it, in the unit that is configured: "7.5/s".
	Rate string
}

// Traffic tells how calls go, those of all clients that were made of the same one.
func (h *HTTP) Traffic() Traffic {
	now := h.base.limiter.Limit()
	t := Traffic{Breaker: h.base.breaker.now(), PerSecond: float64(now), Rate: h.base.rate.written(now)}
	if now == rate.Inf {
		t.PerSecond = 0
	}
	return t
}

// written is a rate in the unit of r, with a decimal where it has some.
func (r Rate) written(now rate.Limit) string {
	if now == rate.Inf {
		return Rate{}.String()
	}
	if r.Per == 0 {
		r.Per = time.Second
	}
	calls := float64(now) * r.Per.Seconds()
	return strconv.FormatFloat(float64(int(calls*10+0.5))/10, 'f', -1, 64) + r.unit()
}
