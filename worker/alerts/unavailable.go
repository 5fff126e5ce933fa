package alerts

import (
	"context"
	"slices"
	"time"

	"orderbeat/clients"
	"orderbeat/db/alerts"
	"orderbeat/worker/settings"
)

const (
	// unavailableCheck is the interval between checks.
	unavailableCheck = 20 * time.Second
	// unavailableAfter is how long a breaker may be open or half open before an alert is raised.
	unavailableAfter = 10 * time.Minute
)

// Availability raises the alert [clients.CodeUnavailable] for a provider whose breaker has been open or
// half open for [unavailableAfter]. A shorter outage needs no attention.
type Availability struct {
	Alerts
	providers func() []settings.Provider
	started   time.Time
	down      map[string]time.Time // by provider: when its breaker was first seen open or half open
	recovered map[string]bool      // by provider: its breaker has closed after it was seen open
}

// NewAvailability returns the check of the providers' breakers.
func (a Alerts) NewAvailability(providers func() []settings.Provider) *Availability {
	return &Availability{Alerts: a, providers: providers, started: time.Now(), down: map[string]time.Time{}, recovered: map[string]bool{}}
}

// Run checks the breakers periodically until ctx ends.
func (v *Availability) Run(ctx context.Context) {
	v.every(ctx, func() time.Duration { return unavailableCheck }, v.check, "failed to check for unavailable providers, will retry")
}

func (v *Availability) check(ctx context.Context, now time.Time) error {
	raised, err := v.Raised(ctx, clients.CodeUnavailable)
	if err != nil {
		return err
	}
	var wanted []alerts.Alert
	for _, p := range v.providers() {
		stats, ok, _ := p.Stats() // the metrics report a panic
		if !ok {
			continue
		}
		known := slices.IndexFunc(raised, func(a alerts.Alert) bool { return a.Provider == p.Name })
		since, unavailable := v.unavailable(p.Name, stats.Breaker, known >= 0, now)
		switch {
		case !unavailable:
		case known >= 0:
			wanted = append(wanted, raised[known])
		default:
			wanted = append(wanted, alerts.Alert{
				Provider: p.Name, Code: clients.CodeUnavailable,
				Message: "the provider has not responded since " + since.UTC().Format(time.RFC3339),
				Hint:    "Calls resume automatically when the provider responds. Run \"orderbeat doctor " + p.Name + "\" to test it now; the log has the cause.",
			})
		}
	}
	return v.Hold(ctx, raised, wanted)
}

// unavailable reports whether the alert must be raised, or stay raised (known), and since when
// the provider has not responded. The breaker of a new process starts closed, which proves nothing: an
// alert raised by an earlier process stays raised until calls have had time to fail.
func (v *Availability) unavailable(provider string, b clients.BreakerStatus, known bool, now time.Time) (since time.Time, _ bool) {
	since, down := v.down[provider]
	if b.State == clients.BreakerClosed {
		if down {
			delete(v.down, provider)
			v.recovered[provider] = true
		}
		unproven := !v.recovered[provider] && (b.Failures > 0 || now.Sub(v.started) < staleGrace)
		return now, known && unproven
	}
	if !down {
		since = now
		v.down[provider] = now
	}
	return since, known || now.Sub(since) >= unavailableAfter
}
