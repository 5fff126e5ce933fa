// Package sqlite owns an SQLite file: how it is opened, written by one connection in group
// commits, read by others, watched, backed up and restored. It knows no table.
//
// All writes go through one connection ([DB.Write]). Operations that wait at the same time share
// a transaction, each in a savepoint of its own. Readers never wait for the writer.
//
// Start reading at [Open], then writer.go.
package sqlite
