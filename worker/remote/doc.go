// Package remote is the leader's side of the jobs that fetchers perform: it publishes the jobs, receives
// the outcomes and passes them to a [Committer].
//
// It claims and stores nothing itself, and makes no attempts. Start reading at [Remote.Send] and
// [Outcomes.Run].
package remote
