// Package handover stores in NATS what the next leader needs to continue: the runs that were accepted
// and have no result yet ([Runs]), and the paused schedules ([Pauses]).
//
// It owns the bucket OPEN_RUNS and the pauses in the bucket WORKER. It knows neither planning nor the
// lease: the caller of [Runs.Resume] continues the runs of the previous leader. With the embedded server
// there is no other process, and nothing is stored: a nil [Runs] or [Pauses] does nothing. Start reading
// at [Runs.Put], then [Runs.Resume].
//
// An entry that was removed may reappear, minutes later: a server that was killed loses the removal of messages
// with a marker that has expired, and shows them again when it leads the bucket (nats-server v2.15.2, streams with
// replicas are flushed asynchronously). The run has a result then. The leader finds it in its database, replies to
// its requesters once more with the same message ids, and removes the entry again.
package handover
