// Package snapshot makes a new store ready sooner: the leader periodically puts a copy of the data that all
// stores share into an object store, and a process without a database restores the newest copy instead of
// applying the streams from their start.
//
// It owns the object store, the schedule of the copies, and the checks of a copy before its use. Package db
// defines the content of a copy. It imports no other room of the worker but worker/bus and worker/problems. Start reading
// at [Maker.Run] and [Restorer.Run].
package snapshot
