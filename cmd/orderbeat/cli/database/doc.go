// Package database has the commands about the database file: backup, check, migrate, prune
// and restore.
//
// Commands that write take the database's lock first, so that no worker runs meanwhile.
// Start reading at [Command].
package database
