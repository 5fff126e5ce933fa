// Package embedded runs a NATS server within this process.
//
// It owns the lock on the server's files, its authentication, its log, and its restart
// when its store is writable again after a failure. Only the worker imports it, so that
// other packages do not link the server. Start reading at [Open].
package embedded
