// Package leader decides which process leads: the holder of a lease in NATS, which renews it.
// Other processes follow, and take over when the lease is released or no longer renewed.
//
// It owns the lease's key, who may take it and how long its holder may rely on it. It imports
// neither the database nor the scheduler: withdrawing and requeueing jobs, and the progress of
// schedules, are functions in [Config]. Start reading at [Lease.Acquire].
package leader
