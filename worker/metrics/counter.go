package metrics

import (
	"github.com/prometheus/client_golang/prometheus"

	"orderbeat/worker/settings"
)

// NewCounter returns a counter with one label. The given values of the label start at 0, so that
// the first increment is visible as one.
func NewCounter(name, help string, label string, values []string) *prometheus.CounterVec {
	counter := prometheus.NewCounterVec(prometheus.CounterOpts{Name: "orderbeat_" + name, Help: help}, []string{label})
	for _, value := range values {
		counter.WithLabelValues(value)
	}
	return counter
}

// NewTicks returns the counter of due times by schedule and outcome, all of which start at 0.
func NewTicks(schedules []settings.Schedule) *prometheus.CounterVec {
	ticks := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "orderbeat_ticks_total", Help: "Due times of a schedule that this process recorded, by outcome.",
	}, []string{"schedule", "outcome"})
	for _, s := range schedules {
		for _, outcome := range []string{"started", "skipped", "missed", "caught_up"} {
			ticks.WithLabelValues(s.Name, outcome)
		}
	}
	return ticks
}
