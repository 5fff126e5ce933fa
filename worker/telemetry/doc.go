// Package telemetry traces the worker's work with OpenTelemetry, and exports the traces with OTLP over
// HTTP: from the tick, message or request over planning, attempts at jobs, calls of the provider and
// commits to the published messages.
//
// It defines the names and attributes of spans, queues spans for export, and adds trace ids to log
// lines. In the worker it depends only on the packages for metrics and failures, not on
// NATS or the database. Tracing never blocks or fails the work. Start reading
// at [Open]; without an endpoint it returns the nil [Tracer], which costs nothing.
package telemetry
