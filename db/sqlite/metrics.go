package sqlite

import "github.com/prometheus/client_golang/prometheus"

// commitMetrics are the histograms of successful transactions.
type commitMetrics struct{ duration, size prometheus.Histogram }

func newCommitMetrics() commitMetrics {
	return commitMetrics{
		duration: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "orderbeat_db_commit_duration_seconds", Help: "Duration of transactions, from BEGIN to COMMIT.",
			Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5},
		}),
		size: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "orderbeat_db_commit_operations", Help: "Operations in one transaction: those that wait at the same time share one.",
			Buckets: []float64{1, 2, 4, 8, 16, 32, 64, 128, 256},
		}),
	}
}

// Collectors are the metrics of a file that is open for writing.
func (d *DB) Collectors() []prometheus.Collector {
	return []prometheus.Collector{d.writer.metrics.duration, d.writer.metrics.size}
}
