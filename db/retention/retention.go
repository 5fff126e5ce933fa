package retention

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"orderbeat/db/sqlite"
	"orderbeat/jobs"
)

// Store deletes expired rows.
type Store struct{ file *sqlite.DB }

// New returns the retention of a file.
func New(file *sqlite.DB) *Store { return &Store{file} }

// Periods configures how long data is retained; 0 is no limit. Orders, despatch advices and invoices
// are never deleted.
type Periods struct {
	// Exchanges is the retention of recorded exchanges.
	Exchanges time.Duration `toml:"exchanges"`
	// ExchangesSize is the approximate maximum size of exchanges in bytes; the oldest are
	// deleted first.
	ExchangesSize int64 `toml:"exchanges_size"`
	// Jobs is the retention of finished runs, with their jobs, ticks and resolved alerts.
	Jobs time.Duration `toml:"jobs"`
	// Events is the retention of the history of orders.
	Events time.Duration `toml:"events"`
}

// Override replaces the durations for which a text such as "90d" is given.
func (r *Periods) Override(exchanges, runs, events string) error {
	for _, given := range []struct {
		name, text string
		into       *time.Duration
	}{{"exchanges", exchanges, &r.Exchanges}, {"jobs", runs, &r.Jobs}, {"events", events, &r.Events}} {
		if given.text == "" {
			continue
		}
		retention, err := jobs.ParseDuration(given.text)
		if err == nil {
			err = Check(retention)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", given.name, err)
		}
		*given.into = retention
	}
	return nil
}

// Min is the shortest retention. Younger data may still be needed by a running job, a consent
// or a redelivered message.
const Min = 24 * time.Hour

// Check returns an error for an invalid retention.
func Check(retention time.Duration) error {
	if retention != 0 && retention < Min {
		return fmt.Errorf("must be 0s (no limit) or at least 1d, got %s", retention)
	}
	return nil
}

// Pruned counts the deleted (or deletable) rows by table.
type Pruned struct {
	// Exchanges is the number of recorded exchanges.
	Exchanges int `json:"exchanges"`
	// Jobs is the number of jobs.
	Jobs int `json:"jobs"`
	// Runs is the number of runs.
	Runs int `json:"runs"`
	// Ticks is the number of due times of schedules.
	Ticks int `json:"ticks"`
	// Alerts is the number of resolved alerts.
	Alerts int `json:"alerts"`
	// Events is the number of events of orders.
	Events int `json:"events"`
	// EventsWait is set if events were not deleted because too many messages are pending.
	EventsWait bool `json:"events_wait"`
}

// Add adds the counts of another call.
func (p *Pruned) Add(q Pruned) {
	p.Exchanges += q.Exchanges
	p.Jobs += q.Jobs
	p.Runs += q.Runs
	p.Ticks += q.Ticks
	p.Alerts += q.Alerts
	p.Events += q.Events
	p.EventsWait = p.EventsWait || q.EventsWait
}

// Rows returns the total number of rows.
func (p *Pruned) Rows() int {
	return p.Exchanges + p.Jobs + p.Runs + p.Ticks + p.Alerts + p.Events
}

// Prune deletes data that is older than its retention as of now, and shrinks the file if much of it is
// free. It uses small transactions with a pause after each, so that other writers are not delayed. It
// returns the counts also if it ends early with an error or a done ctx; the next call continues.
func (s *Store) Prune(ctx context.Context, r Periods, now time.Time) (p Pruned, err error) {
	rules, err := s.pruneRules(ctx, r, now, &p, false)
	if err != nil {
		return p, fmt.Errorf("prune: %w", err)
	}
	for _, rule := range rules {
		if err := s.prune(ctx, &rule); err != nil {
			return p, fmt.Errorf("prune %s: %w", rule.table, err)
		}
	}
	if err := s.shrink(ctx); err != nil {
		return p, fmt.Errorf("prune: %w", err)
	}
	return p, nil
}

// Prunable counts the rows that [Store.Prune] would delete.
func (s *Store) Prunable(ctx context.Context, r Periods, now time.Time) (p Pruned, err error) {
	rules, err := s.pruneRules(ctx, r, now, &p, true)
	if err != nil {
		return p, fmt.Errorf("prune: %w", err)
	}
	for _, rule := range rules {
		query, args := rule.countQuery()
		n := 0
		if err := s.file.Bulk().QueryRowContext(ctx, query, args...).Scan(&n); err != nil {
			return p, fmt.Errorf("prune %s: %w", rule.table, err)
		}
		*rule.n += n
	}
	return p, nil
}

// prune deletes the expired rows of a table, one range of keys per transaction, until a range has no
// old row. The ranges are determined with a reader connection.
func (s *Store) prune(ctx context.Context, r *pruneRule) error {
	for from := r.first; ; {
		var to any
		var old bool
		query, args := r.rangeQuery(from)
		if err := s.file.Bulk().QueryRowContext(ctx, query, args...).Scan(&to, &old); err != nil {
			return err
		}
		if !old {
			return nil
		}
		var n int64
		err := s.step(ctx, func(t *sqlite.Tx) (err error) {
			query, args := r.deletion(from, to)
			n, err = t.Exec(query, args...)
			return err
		})
		if err != nil {
			return err
		}
		*r.n += int(n)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		from = to
	}
}

// pauseFactor is the length of the pause after a prune transaction relative to the transaction: pruning
// occupies the writer for a fifth of the time.
const pauseFactor = 4

// step runs one prune transaction and pauses. It does not wait for fsync: rows that reappear after a
// power failure are deleted again.
func (s *Store) step(ctx context.Context, run func(*sqlite.Tx) error) error {
	var spent time.Duration
	err := s.file.Write(ctx, pruneRange, sqlite.Relaxed, func(t *sqlite.Tx) error {
		begun := time.Now()
		defer func() { spent = time.Since(begun) }()
		return run(t)
	})
	if err != nil {
		return err
	}
	pause := time.NewTimer(pauseFactor * spent)
	defer pause.Stop()
	select {
	case <-pause.C:
	case <-ctx.Done():
	}
	return nil
}

// shrink shrinks the file in small steps while more than an eighth of it is free. Some free pages are
// left, because they are reused.
func (s *Store) shrink(ctx context.Context) error {
	for ctx.Err() == nil {
		var free, pages int
		if err := s.file.Readers().QueryRowContext(ctx, spaceSQL).Scan(&free, &pages); err != nil {
			return err
		}
		if free-pages/8 < shrinkPages {
			return nil
		}
		err := s.step(ctx, func(t *sqlite.Tx) error {
			return t.Each(shrinkSQL, nil, func(*sql.Rows) error { return nil }) // one row per page
		})
		if err != nil {
			return err
		}
	}
	return ctx.Err()
}

const (
	shrinkPages = 64
	shrinkSQL   = `PRAGMA incremental_vacuum(64)`
	spaceSQL    = `SELECT f.freelist_count, p.page_count FROM pragma_freelist_count AS f, pragma_page_count AS p`
)
