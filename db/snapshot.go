package db

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"strconv"
	"strings"

	"orderbeat/db/sqlite"
)

// Snapshot is a copy of the data that a database shares with its followers: the data of a follower that has
// applied the streams up to Sequences. Unpublished data is not in it.
type Snapshot struct {
	Path   string
	Bytes  int64
	Schema int64 // its version
	// Sequences are, by topic, the last sequences that the copy contains: a follower continues after them.
	Sequences map[string]uint64
}

// Remove removes the file.
func (s *Snapshot) Remove() error { return sqlite.RemoveExtract(s.Path) }

// Snapshot makes a snapshot in a file beside the database, which can be written at the same time. It reads
// the database in one transaction. The caller must remove it; after a crash the next [Open] does.
func (d *DB) Snapshot(ctx context.Context) (s Snapshot, err error) {
	if s.Path, err = d.file.Extract(ctx, Options{}.sqlite(), snapshotSQL()); err != nil {
		return s, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.Remove())
		}
	}()
	if err := s.finish(ctx); err != nil {
		return s, err
	}
	info, err := os.Stat(s.Path)
	if err != nil {
		return s, err
	}
	s.Bytes, s.Schema = info.Size(), SchemaVersion()
	return s, nil
}

// finish removes unpublished data from the copy, and reads its sequences.
func (s *Snapshot) finish(ctx context.Context) (err error) {
	d, err := Open(ctx, Options{Path: s.Path})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.Close()) }()
	if _, err := d.Withdraw(ctx); err != nil {
		return err
	}
	s.Sequences = map[string]uint64{}
	for _, topic := range []string{"orders", "results", "alerts"} {
		if s.Sequences[topic], _, err = d.AppliedUpTo(ctx, topic); err != nil {
			return err
		}
	}
	return nil
}

// SchemaVersion is the version of the schema of this program.
func SchemaVersion() int64 {
	names, err := fs.Glob(files, "migrations/*.sql")
	if err != nil {
		panic(err) // the pattern is valid
	}
	number, _, _ := strings.Cut(strings.TrimPrefix(names[len(names)-1], "migrations/"), "_")
	version, err := strconv.ParseInt(number, 10, 64)
	if err != nil {
		panic(err) // goose requires the number
	}
	return version
}

// Adopt turns a file of [sqlite.Partial] with a snapshot into the database at path, which must not exist: see
// [sqlite.Adopt].
func Adopt(ctx context.Context, partial *os.File, path string) error {
	return sqlite.Adopt(ctx, partial, path, migrations())
}

// shared are the tables that a snapshot contains in full. The outbox shows which data is unpublished, and is
// emptied afterwards. Reports are computed from the events, by row id.
var shared = []string{
	"orders", "order_events", "order_documents", "order_sequences", "despatches", "despatch_advices", "despatch_advice_lines",
	"invoices", "invoice_lines", "late_notices", "alerts", "line_promises", "supplier_months", "replication", "outbox",
}

// snapshotSQL returns the statements that copy the shared data. Whole tables are copied without decoding rows.
func snapshotSQL() (list []string) {
	for _, table := range shared {
		list = append(list, `INSERT INTO main.`+table+` SELECT * FROM source.`+table)
	}
	return append(list, sharedRunsSQL, reopenedRunsSQL, sharedProgressSQL, sharedActivitySQL, setAsideEventsSQL)
}

const (
	sharedRunColumns = `run_id, provider, kind, state, trigger, jobs_total, jobs_succeeded, jobs_partial, jobs_failed, jobs_dead, jobs_cancelled,
       orders_seen, orders_created, orders_changed, orders_unchanged, errors, requested_at, started_at, finished_at, reopened, note`

	// As [runs.Tx.Replicate] stores them.
	sharedRunsSQL = `
INSERT INTO main.runs (` + sharedRunColumns + `)
SELECT ` + sharedRunColumns + ` FROM source.runs
 WHERE finished_at IS NOT NULL AND run_id NOT IN (SELECT ce_subject FROM source.outbox WHERE topic = 'results')`

	// Earlier results of reopened runs are applied again.
	reopenedRunsSQL = `
DELETE FROM main.replication WHERE topic = 'results' AND EXISTS (
       SELECT 1 FROM source.runs AS r WHERE r.reopened > 0 AND NOT EXISTS (SELECT 1 FROM main.runs AS s WHERE s.run_id = r.run_id))`

	sharedProgressSQL = `INSERT INTO main.report_progress SELECT * FROM source.report_progress WHERE source = 'order_events'`

	// Calls are counted from exchanges, which are not copied.
	sharedActivitySQL = `
INSERT INTO main.activity (started_at, provider, calls, errors, changes, durations)
SELECT started_at, provider, 0, 0, changes, '[]' FROM source.activity WHERE changes > 0`

	// Followers lack a latest revision that NATS rejected: in the outbox, it is withdrawn from the copy.
	setAsideEventsSQL = `
INSERT INTO main.outbox (topic, subject, msg_id, type, ce_subject, source, time, event)
SELECT u.topic, u.subject, u.msg_id, u.type, u.ce_subject, u.source, u.time, u.event
  FROM source.unpublishable AS u JOIN source.order_events AS e ON e.id = u.event
  JOIN source.orders AS o ON o.provider = e.provider AND o.account = e.account AND o.order_id = e.order_id AND o.revision = e.revision
 WHERE u.topic = 'orders' AND u.headers IS NULL`
)
