// Package fleet knows the processes that share a NATS prefix: each announces itself in a key-value
// bucket, and sees who else is there.
//
// It owns the entry of this process, the view of the others, and which share of a provider's rate this
// process has. It makes no attempts at jobs and knows no database. Start reading at [Fleet.Run].
package fleet
