// Package telemetry traces the worker's work with OpenTelemetry, and exports the traces with OTLP over
// HTTP: from the tick, message or request over planning, attempts at jobs, calls of the provider and
// commits to the published messages.
//
// It owns the names and attributes of spans, the queue of spans to export, and the trace ids of log
// lines. It imports no other room of the worker except those that report metrics and failures, and
// knows neither NATS nor how the database stores. Nothing here blocks or fails the work. Start reading
// at [Open]; without an endpoint it returns the nil [Tracer], which costs nothing.
package telemetry
