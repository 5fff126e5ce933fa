package runs

import (
	"context"
	"fmt"
	"slices"

	"github.com/spf13/cobra"

	"orderbeat/cmd/orderbeat/cli"
	"orderbeat/db/runs"
	"orderbeat/jobs"
	"orderbeat/worker/api"
)

func retryCommand(a *cli.App) *cobra.Command {
	var q api.RetryJobs
	c := &cobra.Command{
		Use:   "retry [job-id]",
		Short: "Retry one job, or jobs by run, provider, state or time",
		Long: `Have the running worker queue failed, dead or cancelled jobs again, with all
their attempts and their full retry time. Their runs are reopened and end again. Jobs of low
priority wait for a free slot and until their run is resumed if it is paused.

Without a job id, the flags choose the jobs; without --state, failed and dead ones. --since
selects by the end of a job. Jobs in state queued are published to NATS again, in case their messages were lost.`,
		Example: `  orderbeat jobs retry 01JDC3M3V8S5Y0QZ7W2K4H6N9P-00001
  orderbeat jobs retry --run 01JDC3M3V8S5Y0QZ7W2K4H6N9P
  orderbeat jobs retry --provider michelin --state dead --since 6h`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			several := q != (api.RetryJobs{})
			switch {
			case len(args) == 1 && several:
				return cli.Misuse("give either a job id or flags")
			case len(args) == 1:
				return changeJob(c.Context(), a, "jobs.retry", args[0])
			case !several:
				return cli.Misuse("give a job id, or --run, --provider, --state or --since")
			}
			return retryJobs(c.Context(), a, q)
		},
	}
	a.RunFlag(c, &q.RunID)
	a.ProviderFlag(c, &q.Provider)
	cli.ChoiceFlag(c, &q.State, "state", "only this state (default failed and dead)", runs.RetryStates)
	cli.SinceFlag(c, &q.Since, "")
	return a.CompleteArg(c, a.RecentJobs)
}

// retryJobs retries all jobs that match q, in batches of the worker's limit.
func retryJobs(ctx context.Context, a *cli.App, q api.RetryJobs) error {
	if q.State != "" && !slices.Contains(runs.RetryStates, jobs.State(q.State)) {
		return cli.Misuse("--state: %q is not one of %s", q.State, cli.Words(runs.RetryStates))
	}
	if err := a.ParsePeriod(&q.Since, new(string)); err != nil {
		return err
	}
	var err error
	if q.RunID, err = a.RunID(ctx, q.RunID); err != nil {
		return err
	}
	w, err := a.DialWorker()
	if err != nil {
		return err
	}
	defer w.Close()
	retried := 0
	for more := true; more; more = q.Cursor != "" {
		reply, err := cli.CallOver[api.Retried](ctx, w, "jobs.retry", q)
		if q.Cursor == "" {
			w.PrintWorker(a.Stderr)
		}
		if err != nil {
			if retried > 0 {
				fmt.Fprintf(a.Stdout, "%s retried\n", cli.Count(retried, "job"))
			}
			return err
		}
		retried += reply.Retried
		q.Cursor = reply.Cursor
	}
	fmt.Fprintf(a.Stdout, "%s retried\n", cli.Count(retried, "job"))
	return nil
}
