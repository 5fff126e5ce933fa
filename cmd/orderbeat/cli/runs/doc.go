// Package runs has the commands about runs and their jobs: sync, backfill and remap start
// runs and follow them, runs and jobs list and control them.
//
// Lists are read from the database; everything else is requested from the running worker.
// Start reading at [StartCommands] and watch.go.
package runs
