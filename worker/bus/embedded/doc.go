// Package embedded is the NATS server within this process.
//
// It owns the lock on the server's files, who may connect to it, what it logs, and its restart
// when its store can be written again after a failure. Only the worker imports it, so that
// everything else links no server. Start reading at [Open].
package embedded
