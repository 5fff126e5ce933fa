package db

import (
	"context"
	"fmt"
)

// Ping reports whether the database can be read and written now: it is not locked, no
// operation has found the file damaged, and a page reaches the disk, unless that is full
// or fails. It changes nothing.
func (d *DB) Ping(ctx context.Context) error {
	var one int
	if err := d.readers.QueryRowContext(ctx, "SELECT count(*) FROM freshness").Scan(&one); err != nil {
		return fmt.Errorf("read: %w", damaged(err))
	}
	if d.writer == nil {
		return nil
	}
	if found := d.writer.damage.Load(); found != nil {
		return found
	}
	if err := d.writer.do(ctx, 1, false, (*tx).touch); err != nil {
		return fmt.Errorf("write: %w", err)
	}
	return nil
}

// touch writes a page. An empty transaction would not: SQLite commits it without
// looking at the disk. The user version is 0 and nobody's: goose counts migrations
// in a table.
func (t *tx) touch() error {
	_, err := t.exec("PRAGMA user_version = 0")
	return err
}
