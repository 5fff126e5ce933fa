// Package snapshot makes new processes ready sooner: the leader periodically puts a copy of the data that all
// databases share into an object store, and a process without a database restores the newest copy instead of
// applying the streams from their start.
//
// It manages the object store, schedules the copies, and checks a copy before it is used. Package db
// defines the content of a copy. In the worker it imports only worker/bus, worker/problems and worker/wait. Start reading
// at [Maker.Run] and [Restorer.Run].
package snapshot
