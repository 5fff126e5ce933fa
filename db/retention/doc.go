// Package retention deletes what is older than its retention, in steps that let other writers in between, and
// returns the space to the file system.
//
// It knows jobs and sqlite. Start reading at [Store.Prune].
package retention
