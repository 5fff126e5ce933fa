package db

import (
	"context"

	"orderbeat/db/alerts"
	"orderbeat/db/jobqueue"
	"orderbeat/db/sqlite"
)

// runStore stores runs and their jobs.
type runStore struct {
	file   *sqlite.DB
	queue  *jobqueue.Store
	alerts *alerts.Store
}

// newRunStore returns the runs of a file.
func newRunStore(file *sqlite.DB, queue *jobqueue.Store, alerts *alerts.Store) *runStore {
	return &runStore{file, queue, alerts}
}

// runTx is a transaction on runs and their jobs.
type runTx struct {
	*sqlite.Tx
	queue  jobqueue.Tx
	alerts alerts.Tx
}

// in returns a transaction on runs.
func (s *runStore) in(t *sqlite.Tx) runTx { return runTx{t, s.queue.In(t), s.alerts.In(t)} }

// do runs an operation in a transaction.
func (s *runStore) do(ctx context.Context, rows int, wait sqlite.Durability, run func(runTx) error) error {
	return s.file.Write(ctx, rows, wait, func(t *sqlite.Tx) error { return run(s.in(t)) })
}
