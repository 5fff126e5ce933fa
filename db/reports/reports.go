package reports

import (
	"database/sql"
	"time"

	"orderbeat/db/sqlite"
)

// Reports reads a database. It is safe for concurrent use.
type Reports struct {
	file *sqlite.DB
	bulk *sql.DB
}

// New returns the reports of an open file.
func New(file *sqlite.DB) *Reports { return &Reports{file: file, bulk: file.Bulk()} }

// Version changes when this process commits a transaction.
func (r *Reports) Version() int64 { return r.file.Commits() }

// stamp formats a time for storage.
func stamp(t time.Time) string { return sqlite.Stamp(t) }

// ulidPrefix is less than or equal to all ids (ULIDs) of runs and jobs that are created at t or later.
func ulidPrefix(t time.Time) string {
	const digits = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
	ms := max(0, t.UnixMilli())
	var prefix [10]byte
	for i := len(prefix) - 1; i >= 0; i-- {
		prefix[i] = digits[ms&31]
		ms >>= 5
	}
	return string(prefix[:])
}
