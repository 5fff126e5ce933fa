package metrics

import (
	"github.com/prometheus/client_golang/prometheus"

	"orderbeat/worker/settings"
)

// NewCounter counts by labels; with values of the first of them it begins at 0, so that the
// first of each is seen as one more.
func NewCounter(name, help string, label string, values []string) *prometheus.CounterVec {
	counter := prometheus.NewCounterVec(prometheus.CounterOpts{Name: "orderbeat_" + name, Help: help}, []string{label})
	for _, value := range values {
		counter.WithLabelValues(value)
	}
	return counter
}

// NewTicks counts the due times of schedules by what became of them, from 0 likewise.
func NewTicks(schedules []settings.Schedule) *prometheus.CounterVec {
	ticks := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "orderbeat_ticks_total", Help: "Due times of a schedule that this process accounted for, by what became of them.",
	}, []string{"schedule", "outcome"})
	for _, s := range schedules {
		for _, outcome := range []string{"started", "skipped", "missed", "caught_up"} {
			ticks.WithLabelValues(s.Name, outcome)
		}
	}
	return ticks
}
