package db

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"orderbeat/jobs"
)

// Retention says how long what is over is kept; 0 is for ever. Orders, despatch advices
// and invoices are never over.
type Retention struct {
	// Exchanges is how long recorded exchanges are kept.
	Exchanges time.Duration `toml:"exchanges"`
	// ExchangesSize is about how many bytes of them are kept at most; the oldest go first.
	ExchangesSize int64 `toml:"exchanges_size"`
	// Jobs is how long runs that ended are kept, with their jobs, ticks, and alerts that
	// are resolved.
	Jobs time.Duration `toml:"jobs"`
	// Events is how long the history of orders is kept.
	Events time.Duration `toml:"events"`
}

// Override replaces the times for which a text such as "90d" is given.
func (r *Retention) Override(exchanges, runs, events string) error {
	for _, given := range []struct {
		name, text string
		keep       *time.Duration
	}{{"exchanges", exchanges, &r.Exchanges}, {"jobs", runs, &r.Jobs}, {"events", events, &r.Events}} {
		if given.text == "" {
			continue
		}
		keep, err := jobs.ParseDuration(given.text)
		if err == nil {
			err = CheckRetention(keep)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", given.name, err)
		}
		*given.keep = keep
	}
	return nil
}

// MinRetention is the shortest time that anything is kept. What is over for less may
// still be needed: by a job in hand, by a consent, by a message that comes twice.
const MinRetention = 24 * time.Hour

// CheckRetention is an error for a time that nothing may be kept for.
func CheckRetention(keep time.Duration) error {
	if keep != 0 && keep < MinRetention {
		return fmt.Errorf("want 0s, which is for ever, or 1d and more, got %s", keep)
	}
	return nil
}

// Pruned counts the rows of each table that were removed, or would be.
type Pruned struct {
	Exchanges int `json:"exchanges"`
	Jobs      int `json:"jobs"`
	Runs      int `json:"runs"`
	Ticks     int `json:"ticks"`
	Alerts    int `json:"alerts"`
	Events    int `json:"events"`
	// EventsWait says that events were left alone: too many messages wait to be published.
	EventsWait bool `json:"events_wait"`
}

// Add adds what another call removed.
func (p *Pruned) Add(q Pruned) {
	p.Exchanges += q.Exchanges
	p.Jobs += q.Jobs
	p.Runs += q.Runs
	p.Ticks += q.Ticks
	p.Alerts += q.Alerts
	p.Events += q.Events
	p.EventsWait = p.EventsWait || q.EventsWait
}

// Rows counts them all.
func (p *Pruned) Rows() int {
	return p.Exchanges + p.Jobs + p.Runs + p.Ticks + p.Alerts + p.Events
}

// Prune removes what is over for longer than it is kept, as of now, and gives the room
// back when much of the file is free. It does so in small transactions, with a rest after
// each, so that others get the writer. What was removed is counted also when an error
// or the end of ctx ends it; the next call goes on from there.
func (d *DB) Prune(ctx context.Context, r Retention, now time.Time) (p Pruned, err error) {
	rules, err := d.pruneRules(ctx, r, now, &p, false)
	if err != nil {
		return p, fmt.Errorf("prune: %w", err)
	}
	for _, rule := range rules {
		if err := d.prune(ctx, &rule); err != nil {
			return p, fmt.Errorf("prune %s: %w", rule.table, err)
		}
	}
	if err := d.giveBack(ctx); err != nil {
		return p, fmt.Errorf("prune: %w", err)
	}
	return p, nil
}

// Prunable counts what [DB.Prune] would remove.
func (d *DB) Prunable(ctx context.Context, r Retention, now time.Time) (p Pruned, err error) {
	rules, err := d.pruneRules(ctx, r, now, &p, true)
	if err != nil {
		return p, fmt.Errorf("prune: %w", err)
	}
	for _, rule := range rules {
		query, args := rule.countQuery()
		n := 0
		if err := d.bulk.QueryRowContext(ctx, query, args...).Scan(&n); err != nil {
			return p, fmt.Errorf("prune %s: %w", rule.table, err)
		}
		*rule.n += n
	}
	return p, nil
}

// prune removes what is over of a table, a range of keys at a time, until a range has
// nothing that is past. Readers find the ranges.
func (d *DB) prune(ctx context.Context, r *pruneRule) error {
	for from := r.first; ; {
		var to any
		var past bool
		query, args := r.rangeQuery(from)
		if err := d.bulk.QueryRowContext(ctx, query, args...).Scan(&to, &past); err != nil {
			return err
		}
		if !past {
			return nil
		}
		var n int64
		err := d.step(ctx, func(t *tx) (err error) {
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

// restShare is how much longer than a transaction of pruning the rest behind it is: pruning
// has the writer for a fifth of the time.
const restShare = 4

// step runs one transaction of pruning, and rests. It does not wait for the disk: what a
// power cut undoes is found again.
func (d *DB) step(ctx context.Context, run func(*tx) error) error {
	var spent time.Duration
	err := d.do(ctx, pruneRange, true, func(t *tx) error {
		begun := time.Now()
		defer func() { spent = time.Since(begun) }()
		return run(t)
	})
	if err != nil {
		return err
	}
	rest := time.NewTimer(restShare * spent)
	defer rest.Stop()
	select {
	case <-rest.C:
	case <-ctx.Done():
	}
	return nil
}

// giveBack makes the file smaller, a little at a time, while more than an eighth of it is
// free: what is free is used again, so a little of it is well.
func (d *DB) giveBack(ctx context.Context) error {
	for ctx.Err() == nil {
		var free, pages int
		if err := d.readers.QueryRowContext(ctx, spaceSQL).Scan(&free, &pages); err != nil {
			return err
		}
		if free-pages/8 < giveBackPages {
			return nil
		}
		err := d.step(ctx, func(t *tx) error {
			return t.Each(giveBackSQL, nil, func(*sql.Rows) error { return nil }) // a row is a page
		})
		if err != nil {
			return err
		}
	}
	return ctx.Err()
}

const (
	giveBackPages = 64
	giveBackSQL   = `PRAGMA incremental_vacuum(64)`
	spaceSQL      = `SELECT f.freelist_count, p.page_count FROM pragma_freelist_count AS f, pragma_page_count AS p`
)
