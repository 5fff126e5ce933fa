// Package jobrunner performs jobs: those on the jobs stream, as many at once as the process
// and each provider allow, and live requests, which take the same path with one job.
//
// It owns the attempts that are in flight, their slots and their cancellation, and the check
// that the jobs stream holds every job that the database has published. It does not plan runs and
// publishes nothing: outcomes are committed to the database. It imports no other room but
// worker/bus. Start reading at [Runner.Consume]; an attempt is [Runner.perform].
package jobrunner
