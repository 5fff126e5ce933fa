package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/url"
	"path/filepath"
	"time"

	"github.com/mattn/go-sqlite3"
)

// readerParams are the driver parameters of a reading connection. The statement cache is larger than the
// number of different queries.
const readerParams = "mode=ro&_query_only=1&_busy_timeout=5000&_cache_size=-4096&_stmt_cache_size=64"

// writerLockTimeout is how long a transaction waits for transactions of other processes.
const writerLockTimeout = 5 * time.Second

// createParams are persistent settings of a new file. They are not set by other connections, because
// setting them requires a lock, and SQLite may not get it while another process writes continuously.
const createParams = "_auto_vacuum=incremental&_journal_mode=wal&"

// writerParams are the driver parameters of the writing connection. They set synchronous explicitly,
// because the driver's default in WAL mode is NORMAL, not SQLite's FULL.
func writerParams(full bool) string {
	params := "_busy_timeout=5000&_foreign_keys=on&_txlock=immediate&_cache_size=-16384"
	if full {
		return params + "&_synchronous=full"
	}
	return params + "&_synchronous=normal"
}

// openPool creates a pool of at most maxConns connections, which stay open.
func openPool(path, params string, maxConns int) (*sql.DB, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	pool, err := sql.Open("sqlite3", fileURI(path, params))
	if err != nil {
		return nil, err
	}
	pool.SetMaxOpenConns(maxConns)
	pool.SetMaxIdleConns(maxConns)
	return pool, nil
}

// fileURI returns the URI of a database at an absolute path.
func fileURI(path, params string) string {
	uri := url.URL{Scheme: "file", Path: filepath.ToSlash(path), RawQuery: params}
	return uri.String()
}

// newWriter takes the pool's only connection.
func newWriter(ctx context.Context, pool *sql.DB, full bool) (*writer, error) {
	conn, err := pool.Conn(ctx)
	if err != nil {
		return nil, err
	}
	w := &writer{
		conn: conn, wake: make(chan struct{}, 1), changed: map[string]bool{}, full: full, relaxed: !full, lockTimeout: writerLockTimeout,
		statements: map[string]statement{}, metrics: newCommitMetrics(),
	}
	// Savepoint journals are in memory. busy_timeout is 0 because the writer retries by itself.
	if _, err := conn.ExecContext(ctx, "PRAGMA wal_autocheckpoint = "+checkpointPages+"; PRAGMA journal_size_limit = "+walLimit+"; PRAGMA temp_store = memory; PRAGMA busy_timeout = 0"); err != nil {
		return nil, closing(conn, err)
	}
	synchronous := "1"
	if full {
		synchronous = "2"
	}
	err = checkPragmas(ctx, conn, map[string]string{
		"journal_mode": "wal", "synchronous": synchronous, "busy_timeout": "0", "foreign_keys": "1",
		"auto_vacuum": "2", "cache_size": "-16384", "wal_autocheckpoint": checkpointPages, "journal_size_limit": walLimit, "temp_store": "2",
	})
	if err != nil {
		return nil, closing(conn, err)
	}
	return w, nil
}

// awaitUnlocked waits, at most writerLockTimeout, until no other process has locked the database
// exclusively. It logs the process it waits for.
func awaitUnlocked(ctx context.Context, path string, log *slog.Logger) error {
	pool, err := openPool(path, "mode=rw&_busy_timeout=0", 1)
	if err != nil {
		return err
	}
	defer pool.Close()
	start, logged := time.Now(), false
	for {
		_, err := pool.ExecContext(ctx, "BEGIN EXCLUSIVE; ROLLBACK")
		e, ok := errors.AsType[sqlite3.Error](err)
		if !ok || e.Code != sqlite3.ErrBusy && e.Code != sqlite3.ErrLocked {
			return err
		}
		if by := writersOf(path); time.Since(start) > writerLockTimeout {
			return fmt.Errorf("locked for %s by %s: end that process or its transaction: %w", writerLockTimeout, by, err)
		} else if !logged {
			logged = true
			log.Warn("database is locked, waiting", "database", path, "by", by, "for", writerLockTimeout.String())
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(20*time.Millisecond + rand.N(20*time.Millisecond)):
		}
	}
}

// enableVacuum enables incremental auto_vacuum for a database that was created without it, for example
// from the output of sqlite3's .dump.
func enableVacuum(ctx context.Context, pool *sql.DB, log *slog.Logger) error {
	var mode int
	if err := pool.QueryRowContext(ctx, "PRAGMA auto_vacuum").Scan(&mode); err != nil {
		return err
	}
	const incremental = 2
	if mode == incremental {
		return nil
	}
	log.Info("rewriting the database to enable auto_vacuum")
	if _, err := pool.ExecContext(ctx, "PRAGMA auto_vacuum = incremental; VACUUM"); err != nil {
		return fmt.Errorf("auto_vacuum: %w", err)
	}
	return nil
}

// closing closes conn and returns err: an open connection prevents the pool from closing.
func closing(conn *sql.Conn, err error) error {
	_ = conn.Close() // err is more important
	return err
}

type querier interface {
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

// checkPragmas verifies the settings of a connection: the driver ignores unknown parameters, and SQLite
// ignores values that it cannot apply.
func checkPragmas(ctx context.Context, q querier, want map[string]string) error {
	for name, value := range want {
		var got string
		if err := q.QueryRowContext(ctx, "PRAGMA "+name).Scan(&got); err != nil {
			return fmt.Errorf("pragma %s: %w", name, err)
		}
		if got != value {
			return fmt.Errorf("pragma %s is %s: want %s", name, got, value)
		}
	}
	return nil
}
