package metrics

import (
	"github.com/prometheus/client_golang/prometheus"

	"orderbeat/worker/settings"
)

// NewRuns returns the counter of ended runs.
func NewRuns() *prometheus.CounterVec {
	return prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "orderbeat_runs_total", Help: "Runs that ended, by their state.",
	}, []string{"provider", "kind", "state"})
}

// NewCounter returns a counter with one label. The given values of the label start at 0, so that
// the first increment is visible as one.
func NewCounter(name, help string, label string, values []string) *prometheus.CounterVec {
	counter := prometheus.NewCounterVec(prometheus.CounterOpts{Name: "orderbeat_" + name, Help: help}, []string{label})
	for _, value := range values {
		counter.WithLabelValues(value)
	}
	return counter
}

// NewHistogram returns a histogram of durations in seconds.
func NewHistogram(name, help string, labels ...string) *prometheus.HistogramVec {
	return prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name: "orderbeat_" + name, Help: help, Buckets: []float64{.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60, 300},
	}, labels)
}

// NewTicks returns the counter of due times by schedule and outcome. All counts start at 0.
func NewTicks(schedules []settings.Schedule) *prometheus.CounterVec {
	ticks := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "orderbeat_ticks_total", Help: "Due times of a schedule that this process recorded, by outcome.",
	}, []string{"schedule", "outcome"})
	StartTicks(ticks, schedules)
	return ticks
}

// StartTicks adds the labels of schedules, with counts of 0.
func StartTicks(ticks *prometheus.CounterVec, schedules []settings.Schedule) {
	for _, s := range schedules {
		for _, outcome := range []string{"started", "skipped", "missed", "caught_up"} {
			ticks.WithLabelValues(s.Name, outcome)
		}
	}
}
