// Package handover keeps in NATS what another process needs to go on when it begins to lead: the runs
// that were accepted and have no result yet ([Runs]), and the paused schedules ([Pauses]).
//
// It owns the bucket OPEN_RUNS and the pauses in the bucket WORKER. It knows neither planning nor the
// lease: what is done with a run that another process left is a function. With the embedded server
// there is no other process, and nothing is kept: a nil [Runs] or [Pauses] does nothing. Start reading
// at [Runs.Put], then [Runs.Resume].
package handover
