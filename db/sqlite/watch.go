package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"os"
	"time"
)

const (
	// checkpointPages is how long the write-ahead log becomes before a commit writes it back
	// into the database file. A longer one makes fewer checkpoints, which write the same
	// pages again and again.
	checkpointPages = "4000"
	// walLimit is what the log's file is cut to when it has been written back, in bytes: as
	// long as it is without anybody who delays that.
	walLimit = "16777216"
	// walGrown is the size from which [DB.Watch] has the log written back and cut.
	walGrown = 20 << 20
	// walPatience is how long a reader may hold a grown log before it is told, and told
	// again, with twice the pause each time up to walRepeat.
	walPatience = 10 * time.Second
	walRepeat   = time.Hour

	watchEvery = time.Second
	// cutPatience is how long a cut waits for readers; the writer waits meanwhile.
	cutPatience = "50"
)

// Watch looks after the files until ctx ends, every second. When the database file is
// removed, replaced or overwritten, nothing is committed any more, and [DB.Ping] says why.
// A write-ahead log that has grown is written back and cut; a reader that keeps it from
// that is told in the log.
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
			w.look(ctx, now)
		}
	}
}

// watchFile notes whether the files are still those that are open.
func (d *DB) watchFile() {
	before := d.writer.lost.Load()
	err := d.file.check()
	lost, is := errors.AsType[*lostError](err)
	switch {
	case is && before == nil:
		d.log.Error("database file lost: nothing is committed", "database", d.file.path, "err", lost)
		d.writer.lost.Store(lost)
	case is:
		d.writer.lost.Store(lost)
	case before != nil && !before.overwritten:
		d.log.Info("database file is back", "database", d.file.path)
		d.writer.lost.Store(nil)
	}
}

// WALBytes is the size of the write-ahead log.
func (d *DB) WALBytes() int64 {
	info, err := os.Stat(d.file.real + "-wal")
	if err != nil {
		return 0
	}
	return info.Size()
}

// walWatch keeps the write-ahead log small.
type walWatch struct {
	db   *DB
	pool *sql.DB // its connection is for checkpoints; nil until there was one

	held   time.Time // since when a reader holds a log that has grown, zero for none does
	tell   time.Time // when it is told next
	pause  time.Duration
	told   bool
	failed bool // the last checkpoint
}

// look has a log that has grown written back and cut, or tells who prevents it.
func (w *walWatch) look(ctx context.Context, now time.Time) {
	size := w.db.WALBytes()
	if size <= walGrown || w.db.writer.lost.Load() != nil {
		if w.told {
			w.db.log.Info("write-ahead log is small again", "wal_bytes", size)
		}
		w.held, w.told = time.Time{}, false
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
		w.held, w.tell, w.pause = now, now.Add(walPatience), walPatience
	case !now.Before(w.tell):
		w.pause = min(2*w.pause, walRepeat)
		w.tell, w.told = now.Add(w.pause), true
		w.db.log.Warn("write-ahead log grows: a long read transaction holds it",
			"wal_bytes", size, "for", now.Sub(w.held).Round(time.Second).String(), "by", readersOf(w.db.file.real))
	}
}

// checkpoint writes back as much of the log as can be, without waiting, and cuts the file
// when that was all. held tells that a reader still needs a part of it.
func (w *walWatch) checkpoint(ctx context.Context) (held bool, err error) {
	if w.pool == nil {
		if w.pool, err = openPool(w.db.file.real, "mode=rw&_busy_timeout="+cutPatience, 1); err != nil {
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
		_ = w.pool.Close() // nothing of it is under way
	}
}
