// Package handover stores in NATS what the next leader needs to continue: the runs that were accepted
// and have no result yet ([Runs]), and the paused schedules ([Pauses]).
//
// It owns the bucket OPEN_RUNS and the pauses in the bucket WORKER. It knows neither planning nor the
// lease: the caller of [Runs.Resume] continues the runs of the previous leader. With the embedded server
// there is no other process, and nothing is stored: a nil [Runs] or [Pauses] does nothing. Start reading
// at [Runs.Put], then [Runs.Resume].
package handover
