package worker

import (
	"context"
	"log/slog"
	"time"

	"orderbeat/db"
	"orderbeat/db/retention"
	"orderbeat/worker/wait"
)

// pruneEvery is the interval of pruning, and the maximum pause after failures; pruneRetry is the
// pause after the first failure.
const (
	pruneEvery = time.Hour
	pruneRetry = time.Minute
)

// keepPruning prunes periodically until ctx ends. Repeated failures are logged once.
func keepPruning(ctx context.Context, prune func(context.Context) error, log *slog.Logger) {
	failing, rest := false, pruneEvery
	for {
		err := prune(ctx)
		switch {
		case ctx.Err() != nil:
			return
		case err == nil:
			if failing {
				log.Info("pruning works again")
			}
			failing, rest = false, pruneEvery
		case !failing:
			failing, rest = true, pruneRetry
			log.Warn("pruning failed, will retry", "err", err)
		default:
			rest = min(2*rest, pruneEvery)
		}
		if !wait.For(ctx, rest) {
			return
		}
	}
}

// prune deletes rows older than their retention from the database, and logs how many.
func prune(ctx context.Context, d *db.DB, r retention.Periods, log *slog.Logger) (retention.Pruned, error) {
	p, err := d.Prune(ctx, r, time.Now())
	if p.Rows() > 0 {
		log.Info("database pruned", "exchanges", p.Exchanges, "jobs", p.Jobs, "runs", p.Runs, "ticks", p.Ticks, "alerts", p.Alerts, "events", p.Events)
	}
	return p, err
}
