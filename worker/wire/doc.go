// Package wire encodes jobs and outcomes for the exchange between processes: a job as JSON, an outcome as
// compressed JSON lines. It also has the object store for outcomes that are larger than a message.
//
// It does not perform jobs, commit outcomes or decide on retries. It depends on package jobs and, of NATS, only on messages
// and the object store. Start reading at [EncodeOutcome].
package wire
