// Package bus is the connection to NATS: login, TLS, the streams of the public contract,
// subjects, and receiving from durable consumers.
//
// It explains NATS errors in terms of the configuration, and ensures that streams and consumers exist with
// the right configuration. It depends neither on jobs nor on the database. [Leadership] says who leads, and
// the embedded server is a [Server]. Start reading at [Open]; the streams are [Streams], a
// consumer is a [Receiver].
package bus
