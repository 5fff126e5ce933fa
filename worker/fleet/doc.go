// Package fleet maintains the list of processes that share a NATS prefix: each process writes its own
// entry to a key-value bucket and watches the entries of the others.
//
// It owns the entry of this process and the view of the others, from which the process derives its share of
// a provider's rate limit. It does not perform jobs and uses no database. Start reading at [Fleet.Run].
package fleet
