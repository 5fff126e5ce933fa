package db

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"time"
)

// Retention says how long what is over is kept; 0 is for ever. Orders, despatch advices
// and invoices are never over.
type Retention struct {
	// Exchanges is how long what went over the wire is kept.
	Exchanges time.Duration
	// ExchangesSize is how many bytes of it are kept at most, about; the oldest goes first.
	ExchangesSize int64
	// Jobs is how long runs that ended are kept, with their jobs, ticks, and alerts that
	// are resolved.
	Jobs time.Duration
	// Events is how long the history of orders is kept.
	Events time.Duration
}

// MinRetention is the shortest time that anything is kept. What is over for less may
// still be asked about: by a job in hand, by a consent, by a message that comes twice.
const MinRetention = 24 * time.Hour

// CheckRetention is an error for a time that nothing may be kept for.
func CheckRetention(keep time.Duration) error {
	if keep != 0 && keep < MinRetention {
		return fmt.Errorf("want 0s, which is for ever, or 1d and more, got %s", keep)
	}
	return nil
}

// deadRetention is how long a dead job is kept at least: as long as the stream has the
// alert that names it.
const deadRetention = 30 * 24 * time.Hour

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

// Add adds what somebody else removed.
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
// back when much of the file is free. It does so in small steps, with a rest after
// each, so that nobody else waits for it. What was removed is counted also when an error
// or the end of ctx ends it; the next call goes on from there.
func (d *DB) Prune(ctx context.Context, r Retention, now time.Time) (p Pruned, err error) {
	shelves, wait, err := d.shelves(ctx, r, now)
	if err != nil {
		return p, fmt.Errorf("prune: %w", err)
	}
	p.EventsWait = wait
	for _, s := range shelves {
		if err := d.walk(ctx, &s, func(keys []any) error { return d.drop(ctx, &s, keys, s.count(&p)) }); err != nil {
			return p, fmt.Errorf("prune %s: %w", s.name, err)
		}
	}
	if err := d.giveBack(ctx); err != nil {
		return p, fmt.Errorf("prune: %w", err)
	}
	return p, nil
}

// Prunable counts what [DB.Prune] would remove.
func (d *DB) Prunable(ctx context.Context, r Retention, now time.Time) (p Pruned, err error) {
	shelves, wait, err := d.shelves(ctx, r, now)
	if err != nil {
		return p, fmt.Errorf("prune: %w", err)
	}
	p.EventsWait = wait
	for _, s := range shelves {
		err := d.walk(ctx, &s, func(keys []any) error { *s.count(&p) += len(keys); return nil })
		if err != nil {
			return p, fmt.Errorf("prune %s: %w", s.name, err)
		}
	}
	return p, nil
}

// walk goes through the rows of a shelf, oldest first, until there are none that are
// past. It hands on the keys of those that may be removed, a step's worth at most. A
// reader looks, so that the writer is only asked for what there is to do.
func (d *DB) walk(ctx context.Context, s *shelf, found func(keys []any) error) error {
	var last any = ""
	if s.numbered {
		last = 0
	}
	for {
		var keys []any
		past := false
		rows, err := d.bulk.QueryContext(ctx, s.look, append([]any{s.cut, last}, s.lookMore...)...)
		if err != nil {
			return err
		}
		err = all(rows, func(rows *sql.Rows) error {
			var isPast, removable bool
			if err := rows.Scan(&last, &isPast, &removable); err != nil {
				return err
			}
			past = past || isPast
			if removable {
				keys = append(keys, last)
			}
			return nil
		})
		if err != nil {
			return err
		}
		if len(keys) > 0 {
			if err := found(keys); err != nil {
				return err
			}
		}
		if !past {
			return nil
		}
	}
}

// drop removes rows, unless they have to be kept since they were looked at.
func (d *DB) drop(ctx context.Context, s *shelf, keys []any, removed *int) error {
	for len(keys) > 0 {
		rest, done := keys, 0
		err := d.step(ctx, func(t *tx) (more bool, err error) {
			some := rest[:min(len(rest), s.bite)]
			list, err := json.Marshal(some)
			if err != nil {
				return false, err
			}
			n, err := t.exec(s.drop, append([]any{s.cut, string(list)}, s.dropMore...)...)
			rest, done = rest[len(some):], done+int(n)
			return len(rest) > 0, err
		})
		if err != nil {
			return err
		}
		keys, *removed = rest, *removed+done
	}
	return ctx.Err()
}

const (
	// bite is how many rows, or pages, are done before somebody looks at the clock.
	bite = 32
	// stepTime is how long a step goes on, and restShare how much longer the rest after
	// it is: who prunes has the writer for a fifth of the time.
	stepTime  = 10 * time.Millisecond
	restShare = 4
)

// step has the writer do bites in one transaction until there are no more, or it took
// long enough, and rests. It does not wait for the disk: what a power cut undoes is
// found again. That ctx ends is no error of a step, which is done then.
func (d *DB) step(ctx context.Context, do func(*tx) (more bool, err error)) error {
	var spent time.Duration
	err := d.writer.do(ctx, stepRows, true, func(t *tx) error {
		begun := time.Now()
		more, err := do(t)
		for more && err == nil && time.Since(begun) < stepTime {
			more, err = do(t)
		}
		spent = time.Since(begun)
		return err
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
		if free = min(free-pages/8, stepRows); free < bite {
			return nil
		}
		err := d.step(ctx, func(t *tx) (bool, error) {
			free -= bite
			// Each row that it returns is a page that is given back.
			return free >= bite, t.each(giveBackSQL, nil, func(*sql.Rows) error { return nil })
		})
		if err != nil {
			return err
		}
	}
	return ctx.Err()
}

const (
	spaceSQL    = `SELECT f.freelist_count, p.page_count FROM pragma_freelist_count AS f, pragma_page_count AS p`
	giveBackSQL = `PRAGMA incremental_vacuum(32)`
)
