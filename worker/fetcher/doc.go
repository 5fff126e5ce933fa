// Package fetcher makes the attempts at jobs that other processes queued: it takes jobs from the stream
// of jobs, calls the provider, publishes the outcome, and acknowledges the job when the outcome is in
// its stream.
//
// It stores nothing, plans nothing and uses no database: when its process is killed, its jobs are
// delivered to another one. Start reading at [Fetcher.Run]; one attempt is [Fetcher.handle].
package fetcher
