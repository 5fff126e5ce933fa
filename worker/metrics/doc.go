// Package metrics has the Prometheus page of the worker, and makes the counters that other
// packages keep.
//
// It owns the names of gauges and their help texts. It reads the database and the providers'
// statistics when it is scraped, and imports no room of the worker. Start reading at [New].
package metrics
