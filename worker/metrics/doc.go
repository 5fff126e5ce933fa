// Package metrics serves the Prometheus metrics of the worker, and creates the counters of other
// packages.
//
// It owns the names of gauges and their help texts. It reads the database and the providers'
// statistics at each scrape. Start reading at [New].
package metrics
