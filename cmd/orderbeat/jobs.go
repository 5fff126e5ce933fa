package main

import (
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"orderbeat/db"
	"orderbeat/jobs"
	"orderbeat/worker/api"
)

func (a *app) jobsCommand() *cobra.Command {
	var o jobsOptions
	c := &cobra.Command{
		Use:   "jobs [job-id]",
		Short: "List, show, retry and cancel jobs",
		Long: `List jobs, newest first; with a job id, show it. Reads the database; no worker needs to
run. Times are UTC.

"jobs retry" retries dead or failed jobs, and "jobs cancel" cancels one that has not ended;
both need a running worker.`,
		Example: `  orderbeat jobs --state dead
  orderbeat jobs 01JDC3M3V8S5Y0QZ7W2K4H6N9P-00001
  orderbeat jobs retry 01JDC3M3V8S5Y0QZ7W2K4H6N9P-00001`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) == 1 {
				return a.oneJob(c.Context(), args[0], o.asJSON)
			}
			return a.jobs(c.Context(), o)
		},
	}
	f := c.Flags()
	f.StringVar(&o.filter.Provider, "provider", "", "only jobs of this provider")
	f.StringVar(&o.filter.Account, "account", "", "only jobs of this account")
	f.StringVar(&o.filter.Kind, "kind", "", "only jobs of this kind: "+words(slices.Sorted(maps.Keys(jobs.Kinds))))
	f.StringVar(&o.state, "state", "", "only jobs in this state: "+words(jobs.JobStates))
	limitFlag(c, &o.filter.Limit, 20)
	jsonFlag(c, &o.asJSON)
	c.AddCommand(
		a.retryCommand(), a.cancelJobCommand(),
	)
	return c
}

type jobsOptions struct {
	filter db.JobFilter
	state  string
	asJSON bool
}

func (a *app) cancelJobCommand() *cobra.Command {
	return &cobra.Command{
		Use: "cancel <job-id>", Short: "Cancel a job", Args: one("the job's id"),
		Long: `Have the running worker cancel a job that has not ended. A running request is aborted, and
its response discarded.`,
		RunE: func(c *cobra.Command, args []string) error { return a.changeJob(c.Context(), "jobs.cancel", args[0]) },
	}
}

// changeJob has the running worker do something with one job, and prints what it is then.
func (a *app) changeJob(ctx context.Context, endpoint, id string) error {
	reply, err := call[api.Job](ctx, a, endpoint, api.JobID{JobID: id})
	if err != nil {
		return err
	}
	fmt.Fprintf(a.stdout, "%s of %s %s is %s\n", reply.Job.JobID, plain(reply.Job.Provider), plain(reply.Job.Account), stateOf(reply.Job))
	return nil
}

// stateOf is a job's state, or what it waits for before it is dispatched.
func stateOf(j db.JobRow) string {
	if j.Dispatch == "pending_slot" || j.Dispatch == "blocked" {
		return j.Dispatch
	}
	return string(j.State)
}

func (a *app) retryCommand() *cobra.Command {
	var q api.RetryJobs
	c := &cobra.Command{
		Use:   "retry [job-id]",
		Short: "Retry one job, or jobs by run, provider, state or time",
		Long: `Have the running worker queue jobs again that failed, are dead or were cancelled, with all
their attempts and their full time. Their runs are reopened and end again. Jobs of low
priority wait for a free slot, and while their run is paused.

Without a job id, the flags choose the jobs; without --state, failed and dead ones. Jobs in
state queued are published to NATS again, in case their messages were lost.`,
		Example: `  orderbeat jobs retry 01JDC3M3V8S5Y0QZ7W2K4H6N9P-00001
  orderbeat jobs retry --run 01JDC3M3V8S5Y0QZ7W2K4H6N9P
  orderbeat jobs retry --provider michelin --state dead --since 6h`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			several := q != (api.RetryJobs{})
			switch {
			case len(args) == 1 && several:
				return misuse("give either a job id or flags")
			case len(args) == 1:
				return a.changeJob(c.Context(), "jobs.retry", args[0])
			case !several:
				return misuse("give a job id, or --run, --provider, --state or --since")
			}
			return a.retryJobs(c.Context(), q)
		},
	}
	f := c.Flags()
	f.StringVar(&q.RunID, "run", "", "only jobs of this run")
	f.StringVar(&q.Provider, "provider", "", "only jobs of this provider")
	f.StringVar(&q.State, "state", "", "only jobs in this state: "+words(db.RetryStates)+" (default failed and dead)")
	f.StringVar(&q.Since, "since", "", "only jobs that ended since: 24h, 14d, or a date such as 2026-01-31")
	return c
}

// retryJobs retries all jobs that q chooses, as many at a time as the worker takes.
func (a *app) retryJobs(ctx context.Context, q api.RetryJobs) error {
	if q.State != "" && !slices.Contains(db.RetryStates, jobs.State(q.State)) {
		return misuse("--state: %q is not one of %s", q.State, words(db.RetryStates))
	}
	if q.Since != "" {
		since, err := parseSince("since", q.Since, time.Now())
		if err != nil {
			return err
		}
		q.Since = since.UTC().Format(time.RFC3339)
	}
	w, err := a.dialWorker()
	if err != nil {
		return err
	}
	defer w.Close()
	retried := 0
	for more := true; more; more = q.Cursor != "" {
		reply, err := callOver[api.Retried](ctx, w, "jobs.retry", q)
		if err != nil {
			if retried > 0 {
				fmt.Fprintf(a.stdout, "%s retried\n", count(retried, "job"))
			}
			return err
		}
		retried += reply.Retried
		q.Cursor = reply.Cursor
	}
	fmt.Fprintf(a.stdout, "%s retried\n", count(retried, "job"))
	return nil
}

func (a *app) jobs(ctx context.Context, o jobsOptions) error {
	if err := checkList(o.filter.Limit, "state", o.state, jobs.JobStates); err != nil {
		return err
	}
	o.filter.State = jobs.State(o.state)
	return a.read(ctx, func(database *db.DB) error {
		list, err := database.Jobs(ctx, o.filter)
		if err != nil {
			return err
		}
		return jobListing.print(a, list, o.asJSON)
	})
}

var jobListing = listing[db.JobRow]{
	"job", append([]string{"JOB", "PROVIDER", "KIND"}, jobHead[1:]...),
	func(j db.JobRow) []string { return append([]string{j.JobID, j.Provider, j.Kind}, jobCells(j)[1:]...) },
}

func (a *app) oneJob(ctx context.Context, id string, asJSON bool) error {
	return a.read(ctx, func(database *db.DB) error {
		job, ok, err := database.Job(ctx, id)
		if err != nil {
			return err
		}
		if !ok {
			return &exit{failed, fmt.Errorf("job %q not found; `orderbeat jobs` lists all jobs", id)}
		}
		if asJSON {
			return printJSON(a.stdout, map[string]any{"job": job})
		}
		printJob(a.stdout, job)
		return nil
	})
}

// uncounted tells of attempts that do not count.
func uncounted(tried int) string {
	if tried == 0 {
		return ""
	}
	return fmt.Sprintf(", %d of which do not count: nothing was sent, or the job was brought back since", tried)
}

func printJob(w io.Writer, j db.JobRow) {
	fmt.Fprintf(w, "%s  %s/%s %s  %s\n", j.JobID, plain(j.Provider), plain(j.Account), plain(j.Kind), j.State)
	fmt.Fprintf(w, "request %s; run %s\n", orDash(plain(asks(j.Question))), j.RunID)
	fmt.Fprintf(w, "planned %s, %s ended%s\n", second(j.PlannedAt), count(j.Attempts, "attempt"), uncounted(j.Tried))
	if j.RetriedAt != nil {
		fmt.Fprintf(w, "retried %s\n", second(*j.RetriedAt))
	}
	if j.FinishedAt != nil {
		fmt.Fprintf(w, "last ended %s: %s seen, %d created, %d changed\n", second(*j.FinishedAt), count(j.Orders.Seen, "order"), j.Orders.Created, j.Orders.Changed)
	}
	if j.NextAttemptAt != nil && !j.State.Ended() {
		fmt.Fprintf(w, "next attempt %s\n", second(*j.NextAttemptAt))
	}
	if j.ErrorCode != "" {
		fmt.Fprintf(w, "%s: %s\n", j.ErrorCode, plain(strings.TrimSpace(j.Error)))
	}
	if j.Hint != "" {
		fmt.Fprintf(w, "  %s\n", plain(j.Hint))
	}
}
