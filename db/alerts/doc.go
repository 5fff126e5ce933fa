// Package alerts stores the problems that need the attention of an operator: which are raised, and when they were
// resolved. Each change puts a message into the outbox.
//
// It depends on notifications, outbox and sqlite; the other packages of db are above it. Start reading at [Store.Raise].
package alerts
