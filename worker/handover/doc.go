// Package handover stores in NATS what the next leader needs to continue: the runs that were accepted
// and have no result yet ([Runs]), and the paused schedules ([Pauses]).
//
// It owns the bucket OPEN_RUNS and the pauses in the bucket WORKER. It depends neither on planning nor on the
// lease: the caller of [Runs.Resume] continues the runs of the previous leader. With the embedded server
// there is no other process, so nothing is stored: a nil [Runs] or [Pauses] does nothing. Start reading
// at [Runs.Put], then [Runs.Resume].
//
// A removed entry may reappear minutes later: a NATS server that was killed loses the removal of messages
// whose delete marker has expired, and returns them again when it leads the bucket (nats-server v2.15.2, streams with
// replicas are flushed asynchronously). By then the run has a result. The leader finds it in its database, replies to
// the requesters again with the same message ids, and removes the entry again.
package handover
