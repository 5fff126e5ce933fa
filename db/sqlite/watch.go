package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"os"
	"time"
)

const (
	// checkpointPages is the size of the write-ahead log, in pages, at which a commit starts a
	// checkpoint. A larger log means fewer checkpoints, which rewrite the same pages.
	checkpointPages = "4000"
	// walLimit is the size in bytes to which the log is truncated after a checkpoint: its usual
	// size if no reader delays checkpoints.
	walLimit = "16777216"
	// walGrown is the log size at which [DB.Watch] runs a checkpoint and truncates the log.
	walGrown = 20 << 20
	// walWarnAfter is how long a reader may hold a large log before a warning is logged. The
	// warning is repeated at doubling intervals up to walRepeat.
	walWarnAfter = 10 * time.Second
	walRepeat    = time.Hour

	watchEvery = time.Second
	// truncateTimeout is how long truncating waits for readers, in ms; it blocks the writer.
	truncateTimeout = "50"
)

// Watch checks the files every second until ctx is done. If the database file is removed, replaced or
// overwritten, commits are rejected and [DB.Ping] returns the reason. It truncates a large write-ahead
// log with a checkpoint, and logs the readers that prevent this.
func (d *DB) Watch(ctx context.Context) {
	ticker := time.NewTicker(watchEvery)
	defer ticker.Stop()
	w := &walWatch{db: d}
	defer w.close()
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-ticker.C:
			d.watchFile()
			w.check(ctx, now)
		}
	}
}

// watchFile checks whether the files at the path are still the open files.
func (d *DB) watchFile() {
	before := d.writer.lost.Load()
	err := d.file.check()
	lost, is := errors.AsType[*lostError](err)
	switch {
	case is && before == nil:
		d.log.Error("database file lost, commits are rejected", "database", d.file.path, "err", lost)
		d.writer.lost.Store(lost)
	case is:
		d.writer.lost.Store(lost)
	case before != nil && !before.overwritten:
		d.log.Info("database file is back", "database", d.file.path)
		d.writer.lost.Store(nil)
	}
}

// WALBytes returns the size of the write-ahead log.
func (d *DB) WALBytes() int64 { return size(d.file.real + "-wal") }

// FileBytes returns the size of the file without its write-ahead log.
func (d *DB) FileBytes() int64 { return size(d.file.real) }

// size is the size of a file, 0 if it cannot be read.
func size(path string) int64 {
	info, err := os.Stat(path)
	if err != nil {
		return 0
	}
	return info.Size()
}

// walWatch limits the size of the write-ahead log.
type walWatch struct {
	db   *DB
	pool *sql.DB // connection for checkpoints; nil until first used

	held   time.Time // since when a reader holds a large log, else zero
	warnAt time.Time // time of the next warning
	pause  time.Duration
	warned bool
	failed bool // whether the last checkpoint failed
}

// check truncates a large log, or logs the readers that prevent it.
func (w *walWatch) check(ctx context.Context, now time.Time) {
	size := w.db.WALBytes()
	if size <= walGrown || w.db.writer.lost.Load() != nil {
		if w.warned {
			w.db.log.Info("write-ahead log is small again", "wal_bytes", size)
		}
		w.held, w.warned = time.Time{}, false
		return
	}
	held, err := w.checkpoint(ctx)
	if err != nil {
		if !w.failed && ctx.Err() == nil {
			w.db.log.Warn("checkpoint failed", "wal_bytes", size, "err", err)
		}
		w.failed = true
		return
	}
	w.failed = false
	switch {
	case !held:
		return
	case w.held.IsZero():
		w.held, w.warnAt, w.pause = now, now.Add(walWarnAfter), walWarnAfter
	case !now.Before(w.warnAt):
		w.pause = min(2*w.pause, walRepeat)
		w.warnAt, w.warned = now.Add(w.pause), true
		w.db.log.Warn("write-ahead log grows because of a long read transaction",
			"wal_bytes", size, "for", now.Sub(w.held).Round(time.Second).String(), "by", readersOf(w.db.file.real))
	}
}

// checkpoint writes back as much of the log as possible without waiting, and truncates the file if all
// was written back. held is true if a reader still needs a part of it.
func (w *walWatch) checkpoint(ctx context.Context) (held bool, err error) {
	if w.pool == nil {
		if w.pool, err = openPool(w.db.file.real, "mode=rw&_busy_timeout="+truncateTimeout, 1); err != nil {
			return false, err
		}
	}
	var busy, pages, done int
	if err := w.pool.QueryRowContext(ctx, "PRAGMA wal_checkpoint(PASSIVE)").Scan(&busy, &pages, &done); err != nil {
		return false, err
	}
	if done < pages {
		return true, nil
	}
	return false, w.pool.QueryRowContext(ctx, "PRAGMA wal_checkpoint(TRUNCATE)").Scan(&busy, &pages, &done)
}

func (w *walWatch) close() {
	if w.pool != nil {
		_ = w.pool.Close() // no query is running
	}
}
