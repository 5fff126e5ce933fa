package worker

import (
	"context"
	"log/slog"
	"time"

	"orderbeat/db"
	"orderbeat/worker/wait"
)

// upkeepEvery is how long pruning rests when it succeeded, and at most; upkeepRetry is how
// long after a first failure.
const (
	upkeepEvery = time.Hour
	upkeepRetry = time.Minute
)

// upkeep removes from the database what is over for longer than it is kept.
type upkeep struct {
	prune func(ctx context.Context) (db.Pruned, error)
	log   *slog.Logger
}

// run works until ctx ends. What goes on failing is told once.
func (u *upkeep) run(ctx context.Context) {
	failing, rest := false, upkeepEvery
	for {
		_, err := u.prune(ctx)
		switch {
		case ctx.Err() != nil:
			return
		case err == nil:
			if failing {
				u.log.Info("pruning works again")
			}
			failing, rest = false, upkeepEvery
		case !failing:
			failing, rest = true, upkeepRetry
			u.log.Warn("pruning failed, will retry", "err", err)
		default:
			rest = min(2*rest, upkeepEvery)
		}
		if !wait.For(ctx, rest) {
			return
		}
	}
}

// prune removes from the database what is older than its retention, and logs how much that was.
func prune(ctx context.Context, d *db.DB, r db.Retention, log *slog.Logger) (db.Pruned, error) {
	p, err := d.Prune(ctx, r, time.Now())
	if p.Rows() > 0 {
		log.Info("database pruned", "exchanges", p.Exchanges, "jobs", p.Jobs, "runs", p.Runs, "ticks", p.Ticks, "alerts", p.Alerts, "events", p.Events)
	}
	return p, err
}
