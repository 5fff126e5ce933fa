// Package remote is the leader's side of jobs that fetchers make attempts at: it publishes the jobs,
// receives the outcomes and passes them on to be committed.
//
// It claims and stores nothing itself, and makes no attempts. Start reading at [Remote.Send] and
// [Remote.Run].
package remote
