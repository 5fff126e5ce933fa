// Package leader decides which process leads: the one that holds a lease in NATS, which it
// renews. Others stand by, and take over when it is released or no longer renewed.
//
// It owns the lease's key, who may take it and how long a holder may be sure of it. It knows
// neither the database, which it asks to withdraw or requeue jobs, nor schedules, of which it
// keeps only how far they are. Start reading at [Lease.Acquire].
package leader
