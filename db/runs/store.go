package runs

import (
	"context"

	"orderbeat/db/alerts"
	"orderbeat/db/jobqueue"
	"orderbeat/db/sqlite"
)

// Store stores runs and their jobs.
type Store struct {
	file   *sqlite.DB
	queue  *jobqueue.Store
	alerts *alerts.Store
}

// New returns the runs of a file.
func New(file *sqlite.DB, queue *jobqueue.Store, alerts *alerts.Store) *Store {
	return &Store{file, queue, alerts}
}

// Tx is a transaction on runs and their jobs.
type Tx struct {
	*sqlite.Tx
	Queue  jobqueue.Tx
	Alerts alerts.Tx
}

// In returns a transaction on runs.
func (s *Store) In(t *sqlite.Tx) Tx { return Tx{t, s.queue.In(t), s.alerts.In(t)} }

// do runs an operation in a transaction.
func (s *Store) do(ctx context.Context, rows int, wait sqlite.Durability, run func(Tx) error) error {
	return s.file.Write(ctx, rows, wait, func(t *sqlite.Tx) error { return run(s.In(t)) })
}
