// Package fetcher performs jobs that other processes queued: it receives jobs from the jobs stream,
// calls the provider, publishes the outcome, and acknowledges the job when the outcome is in
// its stream.
//
// It plans nothing and has no database. If its process is killed, its jobs are
// redelivered to another fetcher. Start reading at [Fetcher.Run]; one attempt is [Fetcher.handle].
package fetcher
