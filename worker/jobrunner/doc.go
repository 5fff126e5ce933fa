// Package jobrunner performs jobs: those that it claims from the queue in the database, as many at
// once as the process and each provider allow, and live requests, which take the same path with one
// job.
//
// It owns the attempts in flight, their slots and cancellation, and the alert about jobs that wait in
// the queue for too long. It does not plan runs and publishes nothing: outcomes are committed to the
// database. It imports no other room of the worker and knows no NATS. Start reading at
// [Runner.Run]; one attempt is [Runner.perform].
package jobrunner
