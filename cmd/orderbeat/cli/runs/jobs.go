package runs

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"orderbeat/cmd/orderbeat/cli"
	"orderbeat/db"
	"orderbeat/db/runs"
	"orderbeat/jobs"
	"orderbeat/worker/api"
)

// JobsCommand returns the command that lists, shows, retries and cancels jobs.
func JobsCommand(a *cli.App) *cobra.Command {
	var o jobsOptions
	c := &cobra.Command{
		Use:   "jobs [job-id]",
		Short: "List, show, retry and cancel jobs",
		Long: `List jobs, newest first; with a job id, show it. Reads the database; no worker needs to
run. A job id can be abbreviated to a unique prefix. --since selects by the end of
a job or, if it has not ended, by the time when it was planned.

"jobs retry" retries dead or failed jobs, and "jobs cancel" cancels one that has not ended;
both need a running worker.`,
		Example: `  orderbeat jobs --state dead
  orderbeat jobs 01JDC3M3V8S5Y0QZ7W2K4H6N9P-00001
  orderbeat jobs retry 01JDC3M3V8S5Y0QZ7W2K4H6N9P-00001`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) == 1 {
				return showJob(c.Context(), a, args[0], o.asJSON)
			}
			return listJobs(c.Context(), a, o)
		},
	}
	a.ProviderFlag(c, &o.filter.Provider)
	a.AccountFlag(c, &o.filter.Account)
	a.RunFlag(c, &o.filter.RunID)
	cli.KindFlag(c, &o.filter.Kind)
	cli.ChoiceFlag(c, &o.state, "state", "only this state", jobs.JobStates)
	cli.SinceFlag(c, &o.since, "")
	cli.LimitFlag(c, &o.filter.Limit, 20)
	cli.JSONFlag(c, &o.asJSON)
	c.AddCommand(
		retryCommand(a), cancelJobCommand(a),
	)
	return a.CompleteArg(c, a.RecentJobs)
}

type jobsOptions struct {
	filter runs.JobFilter
	state  string
	since  string
	asJSON bool
}

func cancelJobCommand(a *cli.App) *cobra.Command {
	return a.CompleteArg(&cobra.Command{
		Use: "cancel <job-id>", Short: "Cancel a job", Args: cli.OneArg("the job's id"),
		Long: `Have the running worker cancel a job that has not ended. A running request is aborted, and
its response discarded.`,
		RunE: func(c *cobra.Command, args []string) error { return changeJob(c.Context(), a, "jobs.cancel", args[0]) },
	}, a.RecentJobs)
}

// changeJob calls an endpoint of the running worker for one job, and prints its new state.
func changeJob(ctx context.Context, a *cli.App, endpoint, text string) error {
	id, err := a.JobID(ctx, text)
	if err != nil {
		return err
	}
	reply, err := cli.Act[api.Job](ctx, a, endpoint, api.JobID{JobID: id})
	if err != nil {
		return err
	}
	fmt.Fprintf(a.Stdout, "%s of %s %s is ", reply.Job.JobID, cli.Plain(reply.Job.Provider), cli.Plain(reply.Job.Account))
	cli.PrintState(a.Stdout, stateOf(reply.Job))
	fmt.Fprintln(a.Stdout)
	return nil
}

// stateOf returns a job's state, or why it is not dispatched yet.
func stateOf(j runs.JobRow) string {
	if j.Dispatch == "pending_slot" || j.Dispatch == "blocked" {
		return j.Dispatch
	}
	return string(j.State)
}

func listJobs(ctx context.Context, a *cli.App, o jobsOptions) error {
	if err := cli.CheckList(o.filter.Limit, "state", o.state, jobs.JobStates); err != nil {
		return err
	}
	var err error
	if o.filter.Since, err = a.ParseSince("since", o.since); err != nil {
		return err
	}
	if o.filter.RunID, err = a.RunID(ctx, o.filter.RunID); err != nil {
		return err
	}
	o.filter.State = jobs.State(o.state)
	return a.ReadDatabase(ctx, func(database *db.DB) error {
		limit := o.filter.Limit
		o.filter.Limit++
		list, err := database.Jobs(ctx, o.filter)
		if err != nil {
			return err
		}
		return cli.Listing[runs.JobRow]{
			Noun: "job", Provider: o.filter.Provider, Account: o.filter.Account,
			Head: append([]string{"JOB", "PROVIDER", "KIND"}, jobHead(a)[1:]...),
			Row: func(j runs.JobRow) []string {
				return append([]string{j.JobID, j.Provider, j.Kind}, jobCells(a, j)[1:]...)
			},
		}.Print(a, list, limit, o.asJSON)
	})
}

func showJob(ctx context.Context, a *cli.App, text string, asJSON bool) error {
	id, err := a.JobID(ctx, text)
	if err != nil {
		return err
	}
	return a.ReadDatabase(ctx, func(database *db.DB) error {
		job, ok, err := database.Job(ctx, id)
		if err != nil {
			return err
		}
		if !ok {
			return cli.Exit(cli.Failed, fmt.Errorf("job %q not found; `orderbeat jobs` lists all jobs", id))
		}
		if asJSON {
			return cli.PrintJSON(a.Stdout, map[string]any{"job": job})
		}
		printJob(a, job)
		return nil
	})
}

// uncounted describes attempts that do not count.
func uncounted(tried int) string {
	if tried == 0 {
		return ""
	}
	return fmt.Sprintf(", %d not counted: nothing was sent, or the job was retried since", tried)
}

func printJob(a *cli.App, j runs.JobRow) {
	w := a.Stdout
	fmt.Fprintf(w, "%s  %s/%s %s  ", j.JobID, cli.Plain(j.Provider), cli.Plain(j.Account), cli.Plain(j.Kind))
	cli.PrintState(w, string(j.State))
	fmt.Fprintln(w)
	fmt.Fprintf(w, "request %s; run %s\n", cli.OrDash(cli.Plain(describeQuery(j.Question))), j.RunID)
	fmt.Fprintf(w, "planned %s, %s ended%s\n", a.Second(j.PlannedAt), cli.Count(j.Attempts, "attempt"), uncounted(j.Tried))
	if j.RetriedAt != nil {
		fmt.Fprintf(w, "retried %s\n", a.Second(*j.RetriedAt))
	}
	if j.FinishedAt != nil {
		fmt.Fprintf(w, "last ended %s: %s seen, %d created, %d changed\n", a.Second(*j.FinishedAt), cli.Count(j.Orders.Seen, "order"), j.Orders.Created, j.Orders.Changed)
	}
	if j.NextAttemptAt != nil && !j.State.Ended() {
		fmt.Fprintf(w, "next attempt %s\n", a.Second(*j.NextAttemptAt))
	}
	if j.ErrorCode != "" {
		fmt.Fprintf(w, "%s: %s\n", j.ErrorCode, cli.Plain(strings.TrimSpace(j.Error)))
	}
	if j.Hint != "" {
		fmt.Fprintf(w, "  %s\n", cli.Plain(j.Hint))
	}
}
