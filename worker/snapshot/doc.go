// Package snapshot shortens the way of a new store: the leader puts a copy of what all stores share into an
// object store from time to time, and a process without a database begins with the newest copy instead of
// the start of the streams.
//
// It owns the object store, when a copy is made, and what is checked before one is used. What is in a copy
// is in package db. It imports no other room of the worker but worker/bus and worker/problems. Start reading
// at [Maker.Run] and [Restorer.Run].
package snapshot
