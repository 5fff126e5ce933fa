// Package remote implements the leader's side of jobs that fetchers perform: it publishes the jobs, receives
// the outcomes and passes them to a [Committer].
//
// It does not claim jobs, store results or perform attempts itself. Start reading at [Remote.Send] and
// [Outcomes.Run].
package remote
