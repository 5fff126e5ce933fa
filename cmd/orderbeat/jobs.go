package main

import (
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"orderbeat/db"
	"orderbeat/jobs"
	"orderbeat/worker/api"
)

func jobsCommand(a *app) *cobra.Command {
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
				return showJob(a, c.Context(), args[0], o.asJSON)
			}
			return listJobs(a, c.Context(), o)
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
		retryCommand(a), cancelJobCommand(a),
	)
	return c
}

type jobsOptions struct {
	filter db.JobFilter
	state  string
	asJSON bool
}

func cancelJobCommand(a *app) *cobra.Command {
	return &cobra.Command{
		Use: "cancel <job-id>", Short: "Cancel a job", Args: one("the job's id"),
		Long: `Have the running worker cancel a job that has not ended. A running request is aborted, and
its response discarded.`,
		RunE: func(c *cobra.Command, args []string) error { return changeJob(a, c.Context(), "jobs.cancel", args[0]) },
	}
}

// changeJob has the running worker do something with one job, and prints what it is then.
func changeJob(a *app, ctx context.Context, endpoint, id string) error {
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

func listJobs(a *app, ctx context.Context, o jobsOptions) error {
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
	noun: "job",
	head: append([]string{"JOB", "PROVIDER", "KIND"}, jobHead[1:]...),
	row:  func(j db.JobRow) []string { return append([]string{j.JobID, j.Provider, j.Kind}, jobCells(j)[1:]...) },
}

func showJob(a *app, ctx context.Context, id string, asJSON bool) error {
	return a.read(ctx, func(database *db.DB) error {
		job, ok, err := database.Job(ctx, id)
		if err != nil {
			return err
		}
		if !ok {
			return exit(failed, fmt.Errorf("job %q not found; `orderbeat jobs` lists all jobs", id))
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
