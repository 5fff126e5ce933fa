// Package sqlite owns an SQLite file: it opens, reads, monitors, backs up and restores it, and writes it
// with one connection in group commits. It does not depend on any table.
//
// All writes go through one connection ([DB.Write]). Concurrent operations share a
// transaction, each in its own savepoint. Readers never wait for the writer.
//
// Start reading at [Open], then writer.go.
package sqlite
