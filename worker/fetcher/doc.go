// Package fetcher makes the attempts at jobs that other processes queued: it takes jobs from the stream
// of jobs, calls the provider, publishes the outcome, and acknowledges the job when the outcome is in
// its stream.
//
// It stores nothing and plans nothing: whatever it holds can be lost at any time, and the job is
// delivered again. It knows no database. Start reading at [Fetcher.Run]; one attempt is
// [Fetcher.handle].
package fetcher
