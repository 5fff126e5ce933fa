// Package follower keeps the database of a process that does not lead equal to what is published: it applies
// the streams of orders, results and alerts in their order. A process that begins to lead applies them to
// their end first, so that revisions and event ids go on where the streams are.
//
// It owns the reading of the streams and how far behind this process is. How messages are applied is in
// package db. It imports no other room of the worker but worker/bus and worker/problems. Start reading at
// [Follower.Run].
package follower
