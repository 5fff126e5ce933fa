// Package jobrunner performs jobs: queued jobs that it claims from the database, as many at
// once as the process and each provider allow, and live requests, which take the same path with a single
// job.
//
// It owns the attempts in flight, their slots and cancellation, and the alert about jobs that wait too
// long in the queue. It does not plan runs and publishes nothing: outcomes are committed to the
// database, and jobs are sent to other processes through [Fetchers]. Start reading at
// [Runner.Run]; one attempt is [Runner.perform].
package jobrunner
