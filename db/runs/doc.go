// Package runs stores runs and their jobs: it starts, joins, lists, pauses, cancels and retries them, counts finished
// jobs, and puts the result of a finished run into the outbox.
//
// It depends on jobqueue, outbox, alerts and sqlite. Start reading at [Store.StartRun], then [Tx.EndAttempt].
package runs
