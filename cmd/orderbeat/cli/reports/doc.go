// Package reports has the command report.
//
// It reads the database; no worker needs to run. Start reading at [Command].
package reports
