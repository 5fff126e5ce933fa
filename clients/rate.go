package clients

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"golang.org/x/time/rate"
)

// Rate is a number of calls per second, minute or hour, written "10/s", "600/m"
// or "1000/h". The zero Rate means no limit.
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

// Limiter spaces calls evenly at the rate, but for a [burst].
func (r Rate) Limiter() *rate.Limiter {
	if r.Per == 0 {
		return rate.NewLimiter(rate.Inf, 1)
	}
	perSecond := rate.Limit(float64(r.Calls) / r.Per.Seconds())
	return rate.NewLimiter(perSecond, Burst(perSecond))
}

// Burst is how many calls may go at once: a tenth of a second's worth, at least one.
func Burst(perSecond rate.Limit) int { return max(1, int(perSecond/10)) }

// Written is a rate in the unit of r, with a decimal where it has some.
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
