package worker

import (
	"github.com/prometheus/client_golang/prometheus"

	"orderbeat/clients"
)

// trafficked is what a provider can do that knows how calls to it go.
type trafficked interface {
	Traffic() clients.Traffic
}

// trafficOf tells how calls to a provider go, false where that is not known.
func trafficOf(p Provider) (clients.Traffic, bool) {
	t, ok := p.Provider.(trafficked)
	if !ok {
		return clients.Traffic{}, false
	}
	return t.Traffic(), true
}

var (
	breakerState    = desc("breaker_state", "1 for the state that a provider's breaker is in, 0 for the others.", []string{"provider", "state"})
	breakerFailures = desc("breaker_failures", "Calls in a row that a provider has not answered.", []string{"provider"})
	rateNow         = desc("rate_calls_per_second", "The rate that calls to a provider keep to now, 0 for none.", []string{"provider"})
)

// trafficMetrics tell how calls to all providers go in this process.
type trafficMetrics struct{ providers []Provider }

// Describe implements [prometheus.Collector].
func (m *trafficMetrics) Describe(ch chan<- *prometheus.Desc) {
	ch <- breakerState
	ch <- breakerFailures
	ch <- rateNow
}

// Collect implements [prometheus.Collector].
func (m *trafficMetrics) Collect(ch chan<- prometheus.Metric) {
	for _, p := range m.providers {
		var t clients.Traffic
		ok := false
		if err := clients.Recover("traffic", func() error { t, ok = trafficOf(p); return nil }); err != nil {
			ch <- prometheus.NewInvalidMetric(breakerState, err)
		}
		if !ok {
			continue
		}
		for _, state := range clients.BreakerStates {
			ch <- prometheus.MustNewConstMetric(breakerState, prometheus.GaugeValue, oneIf(t.Breaker.State == state), p.Name, string(state))
		}
		ch <- prometheus.MustNewConstMetric(breakerFailures, prometheus.GaugeValue, float64(t.Breaker.Failures), p.Name)
		ch <- prometheus.MustNewConstMetric(rateNow, prometheus.GaugeValue, t.PerSecond, p.Name)
	}
}
