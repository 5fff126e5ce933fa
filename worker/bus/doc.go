// Package bus is the connection to NATS: login, TLS, the streams of the public contract,
// subjects, and receiving from durable consumers.
//
// It owns what errors of NATS mean for a configuration, and that streams and consumers exist with
// the right configuration. It knows neither jobs nor the database; who leads is [Leadership], and
// the embedded server is a [Server]. Start reading at [Open]; the streams are [Streams], a
// consumer is a [Receiver].
package bus
