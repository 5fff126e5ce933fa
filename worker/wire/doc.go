// Package wire has the encoding of jobs and outcomes between processes: a job as JSON, an outcome as
// compressed lines of JSON, and the object store for outcomes that are larger than a message.
//
// It makes no attempts, commits nothing and decides no retries. It knows jobs, and of NATS only messages
// and the object store. Start reading at [EncodeOutcome].
package wire
