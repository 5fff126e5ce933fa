// Package metrics makes the counters that the rooms of the worker keep. It knows none of them.
package metrics

import "github.com/prometheus/client_golang/prometheus"

// NewCounter counts by labels; with values of the first of them it begins at 0, so that the
// first of each is seen as one more.
func NewCounter(name, help string, label string, values []string) *prometheus.CounterVec {
	counter := prometheus.NewCounterVec(prometheus.CounterOpts{Name: "orderbeat_" + name, Help: help}, []string{label})
	for _, value := range values {
		counter.WithLabelValues(value)
	}
	return counter
}
