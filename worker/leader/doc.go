// Package leader elects the leader: the process that holds and renews a lease in NATS.
// Other processes follow, and take over when the lease is released or no longer renewed.
//
// It owns the key of the lease, the rules for taking it and how long its holder may rely on it. It imports
// neither the database nor the scheduler: following the streams, and the progress of
// schedules, are functions in [Config]. Start reading at [Lease.Acquire].
package leader
