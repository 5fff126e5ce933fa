// Package jobrunner performs jobs: those of the jobs stream, as many at once as the process and
// each provider allow, and live requests, which take the same path with one job.
//
// It owns the attempts in flight, their slots and cancellation, and the check that the jobs
// stream has every job that the database has published. It does not plan runs and publishes
// nothing: outcomes are committed to the database. It imports no other room of the worker but
// worker/bus. Start reading at [Runner.Consume]; one attempt is [Runner.perform].
package jobrunner
