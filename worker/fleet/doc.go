// Package fleet has the list of the processes that share a NATS prefix: each process writes an entry of its
// own into a key-value bucket, and watches the entries of the others.
//
// It owns the entry of this process, the view of the others, and which share of a provider's rate this
// process has. It makes no attempts at jobs and knows no database. Start reading at [Fleet.Run].
package fleet
