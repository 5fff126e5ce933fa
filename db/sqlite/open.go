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

// readerParams are the driver's parameters for a connection that reads. There are
// fewer queries than prepared statements that it may keep.
const readerParams = "mode=ro&_query_only=1&_busy_timeout=5000&_cache_size=-16384&_stmt_cache_size=64"

// writerPatience is how long a transaction waits for those of other processes.
const writerPatience = 5 * time.Second

// makerParams are those that a file is made with, and keeps. To set them again takes a
// lock, for which SQLite waits badly beside somebody who writes without a pause.
const makerParams = "_auto_vacuum=incremental&_journal_mode=wal&"

// writerParams are the driver's parameters for the connection that writes. They
// must say synchronous: in WAL mode the driver's default is NORMAL, not SQLite's FULL.
func writerParams(full bool) string {
	params := "_busy_timeout=5000&_foreign_keys=on&_txlock=immediate&_cache_size=-65536"
	if full {
		return params + "&_synchronous=full"
	}
	return params + "&_synchronous=normal"
}

// openPool prepares a pool of at most most connections, which stay open.
func openPool(path, params string, most int) (*sql.DB, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	uri := url.URL{Scheme: "file", Path: filepath.ToSlash(path), RawQuery: params}
	pool, err := sql.Open("sqlite3", uri.String())
	if err != nil {
		return nil, err
	}
	pool.SetMaxOpenConns(most)
	pool.SetMaxIdleConns(most)
	return pool, nil
}

// newWriter takes the pool's one connection for good.
func newWriter(ctx context.Context, pool *sql.DB, full bool) (*writer, error) {
	conn, err := pool.Conn(ctx)
	if err != nil {
		return nil, err
	}
	w := &writer{
		conn: conn, wake: make(chan struct{}, 1), full: full, relaxed: !full, patience: writerPatience,
		statements: map[string]statement{},
	}
	// What a savepoint needs to be rolled back stays in memory instead of a file.
	// For its turn the writer waits by itself.
	if _, err := conn.ExecContext(ctx, "PRAGMA wal_autocheckpoint = "+checkpointPages+"; PRAGMA journal_size_limit = "+walLimit+"; PRAGMA temp_store = memory; PRAGMA busy_timeout = 0"); err != nil {
		return nil, closing(conn, err)
	}
	synchronous := "1"
	if full {
		synchronous = "2"
	}
	err = checkPragmas(ctx, conn, map[string]string{
		"journal_mode": "wal", "synchronous": synchronous, "busy_timeout": "0", "foreign_keys": "1",
		"auto_vacuum": "2", "cache_size": "-65536", "wal_autocheckpoint": checkpointPages, "journal_size_limit": walLimit, "temp_store": "2",
	})
	if err != nil {
		return nil, closing(conn, err)
	}
	return w, nil
}

// awaitUnlocked waits until no other process has the database for itself, or for as long as
// a transaction waits. It says whom it waits for.
func awaitUnlocked(ctx context.Context, path string, log *slog.Logger) error {
	pool, err := openPool(path, "mode=rw&_busy_timeout=0", 1)
	if err != nil {
		return err
	}
	defer pool.Close()
	begun, told := time.Now(), false
	for {
		_, err := pool.ExecContext(ctx, "BEGIN EXCLUSIVE; ROLLBACK")
		e, ok := errors.AsType[sqlite3.Error](err)
		if !ok || e.Code != sqlite3.ErrBusy && e.Code != sqlite3.ErrLocked {
			return err
		}
		if by := writersOf(path); time.Since(begun) > writerPatience {
			return fmt.Errorf("it has been locked for %s by %s: end that process or its transaction: %w", writerPatience, by, err)
		} else if !told {
			told = true
			log.Warn("database is locked, waiting", "database", path, "by", by, "for", writerPatience.String())
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(20*time.Millisecond + rand.N(20*time.Millisecond)):
		}
	}
}

// mendVacuum makes a database give free pages back that was made without that: by
// restoring what sqlite3's .dump wrote, for one.
func mendVacuum(ctx context.Context, pool *sql.DB, log *slog.Logger) error {
	var mode int
	if err := pool.QueryRowContext(ctx, "PRAGMA auto_vacuum").Scan(&mode); err != nil {
		return err
	}
	const incremental = 2
	if mode == incremental {
		return nil
	}
	log.Info("rewriting the database with auto_vacuum, which it was made without")
	if _, err := pool.ExecContext(ctx, "PRAGMA auto_vacuum = incremental; VACUUM"); err != nil {
		return fmt.Errorf("auto_vacuum: %w", err)
	}
	return nil
}

// closing closes conn and returns err: a connection in use keeps its pool from closing.
func closing(conn *sql.Conn, err error) error {
	_ = conn.Close() // err matters more
	return err
}

type querier interface {
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

// checkPragmas reads back what the connection was asked for: the driver ignores a
// parameter it does not know, and SQLite one it cannot follow.
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
