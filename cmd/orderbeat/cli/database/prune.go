package database

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"orderbeat/cmd/orderbeat/cli"
	"orderbeat/cmd/orderbeat/config"
	"orderbeat/cmd/orderbeat/lock"
	"orderbeat/db"
	"orderbeat/db/retention"
	"orderbeat/worker/api"
)

func pruneCommand(a *cli.App) *cobra.Command {
	var o pruneOptions
	c := &cobra.Command{
		Use:   "prune",
		Short: "Delete records that are older than db.retention",
		Long: `Delete records that are older than db.retention, or than a flag. A running worker does so
every hour; this command has the worker prune now, or prunes the database itself if no worker
runs. It deletes in small steps and can be interrupted.

If exchanges take more than db.retention.exchanges_size, the oldest are deleted too.

Kept regardless of age: orders, despatch advices and invoices; the last event of each
order, the last one about each of its documents, and unpublished ones; jobs that a raised
alert names, that wait for a consent, or that have a recorded exchange; dead jobs for 30
days; the last tick of each schedule.`,
		Example: `  orderbeat db prune --dry-run
  orderbeat db prune
  orderbeat db prune --exchanges 7d --events 365d`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return pruneDatabase(c.Context(), a, o) },
	}
	f := c.Flags()
	f.StringVar(&o.Exchanges, "exchanges", "", "keep exchanges for this duration, such as 30d; 0s: forever")
	f.StringVar(&o.Jobs, "jobs", "", "keep runs, jobs, ticks and resolved alerts for this duration")
	f.StringVar(&o.Events, "events", "", "keep the history of orders for this duration")
	f.BoolVar(&o.dryRun, "dry-run", false, "only show what would be deleted")
	cli.JSONFlag(c, &o.asJSON)
	return c
}

type pruneOptions struct {
	api.Prune
	dryRun, asJSON bool
}

// The process that prunes; none with --dry-run.
const (
	byWorker  = "worker"
	byCommand = "command"
	byNobody  = "nobody"
)

func pruneDatabase(ctx context.Context, a *cli.App, o pruneOptions) error {
	conf, err := a.LoadPart("nats", "db")
	if err != nil {
		return err
	}
	keep := conf.DB.Retention
	if err := keep.Override(o.Exchanges, o.Jobs, o.Events); err != nil {
		return cli.Misuse("--%v", err)
	}
	by, pruned, pruneErr := byNobody, retention.Pruned{}, error(nil)
	if o.dryRun {
		pruned, pruneErr = prunable(ctx, conf.DB.Path, keep)
	} else {
		by, pruned, pruneErr = pruneNow(ctx, conf, o, keep)
	}
	if pruneErr != nil && pruned.Rows() == 0 {
		return pruneErr
	}
	if err := printPruned(a, by, pruned, o.asJSON); err != nil {
		return err
	}
	if pruneErr != nil {
		return cli.Exit(cli.Partial, fmt.Errorf("orderbeat: pruned in part: %w", pruneErr))
	}
	return nil
}

func prunable(ctx context.Context, path string, keep retention.Periods) (retention.Pruned, error) {
	database, err := db.OpenReadOnly(ctx, path)
	if err != nil {
		return retention.Pruned{}, err
	}
	defer database.Close()
	return database.Prunable(ctx, keep, time.Now())
}

// pruneNow prunes the database, or requests that from the worker that uses it. The lock decides which:
// a worker may be running and unreachable.
func pruneNow(ctx context.Context, conf *config.Config, o pruneOptions, keep retention.Periods) (by string, p retention.Pruned, err error) {
	reader, err := db.OpenReadOnly(ctx, conf.DB.Path) // fails if there is no database; neither creates nor migrates one
	if err != nil {
		return "", p, err
	}
	if err := reader.Close(); err != nil {
		return "", p, err
	}
	unlock, err := lock.Acquire(conf.DB.Path)
	if errors.Is(err, lock.ErrInUse) {
		p, err = pruneByWorker(ctx, conf, o)
		return byWorker, p, err
	}
	if err != nil {
		return "", p, err
	}
	defer unlock()
	database, err := db.Open(ctx, db.Options{Path: conf.DB.Path, Synchronous: conf.DB.Synchronous})
	if err != nil {
		return "", p, err
	}
	p, err = database.Prune(ctx, keep, time.Now())
	return byCommand, p, errors.Join(err, database.Close())
}

// pruneByWorker repeats the request until pruning is done: the worker prunes for some seconds per
// request.
func pruneByWorker(ctx context.Context, conf *config.Config, o pruneOptions) (p retention.Pruned, err error) {
	w, err := cli.Dial(conf.NATS)
	if err != nil {
		return p, err
	}
	defer w.Close()
	for {
		reply, err := cli.CallOver[api.Pruned](ctx, w, "db.prune", o.Prune)
		if err != nil {
			return p, err
		}
		p.Add(reply.Removed)
		if reply.Done {
			return p, nil
		}
	}
}

func printPruned(a *cli.App, by string, p retention.Pruned, asJSON bool) error {
	if asJSON {
		return cli.PrintJSON(a.Stdout, map[string]any{"by": by, "removed": p})
	}
	head := "REMOVED"
	if by == byNobody {
		head = "WOULD BE REMOVED"
	}
	rows := [][]string{}
	for _, r := range []struct {
		table string
		n     int
	}{{"exchanges", p.Exchanges}, {"jobs", p.Jobs}, {"runs", p.Runs}, {"ticks", p.Ticks}, {"alerts", p.Alerts}, {"order_events", p.Events}} {
		rows = append(rows, []string{r.table, fmt.Sprint(r.n)})
	}
	if p.EventsWait {
		fmt.Fprintln(a.Stderr, "order_events were not pruned: too many messages are unpublished")
	}
	return cli.PrintTable(a.Stdout, []string{"TABLE", head}, rows)
}
