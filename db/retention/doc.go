// Package retention deletes what is older than its retention, in small steps between other writes, and
// returns the space to the file system.
//
// It depends on exchanges, jobs and sqlite. Start reading at [Store.Prune].
package retention
