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
)

func (a *app) jobsCommand() *cobra.Command {
	var o jobsOptions
	c := &cobra.Command{
		Use:   "jobs [job-id]",
		Short: "List jobs, newest first, show one, bring one back or cancel it",
		Long: `List jobs, newest first; with the id of a job, show it. It reads the database; the
worker may run or not. Times are UTC.

What is dead, or failed, is brought back with "jobs retry", and what still waits or is
being asked is ended with "jobs cancel": the running worker does both.`,
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
	f.IntVar(&o.filter.Limit, "limit", 20, "how many at most")
	jsonFlag(c, &o.asJSON)
	c.AddCommand(
		a.jobTool("retry", "Bring back a job that failed, is dead or was cancelled", `Have the running worker ask a job's question again: with all its attempts and all its time
before it. Its run goes on, and ends once more with it.`, "jobs.retry"),
		a.jobTool("cancel", "End a job", `Have the running worker end a job that has not ended. One that is being asked stops at
once; what its provider answers then is dropped.`, "jobs.cancel"),
	)
	return c
}

type jobsOptions struct {
	filter db.JobFilter
	state  string
	asJSON bool
}

// jobTool is a command about one job that the running worker carries out.
func (a *app) jobTool(use, short, long, endpoint string) *cobra.Command {
	return &cobra.Command{
		Use: use + " <job-id>", Short: short, Long: long, Args: one("the job's id"),
		RunE: func(c *cobra.Command, args []string) error {
			w, err := a.dialWorker()
			if err != nil {
				return err
			}
			defer w.Close()
			var reply struct {
				Job db.JobRow `json:"job"`
			}
			if err := w.ask(c.Context(), endpoint, map[string]string{"job_id": args[0]}, &reply); err != nil {
				return asked(err)
			}
			fmt.Fprintf(a.stdout, "%s of %s %s is %s\n", reply.Job.JobID, plain(reply.Job.Provider), plain(reply.Job.Account), reply.Job.State)
			return nil
		},
	}
}

func (a *app) jobs(ctx context.Context, o jobsOptions) error {
	o.filter.State = jobs.State(o.state)
	if o.state != "" && !slices.Contains(jobs.JobStates, o.filter.State) {
		return misuse("--state: %q is not one of %s", o.state, words(jobs.JobStates))
	}
	if o.filter.Limit < 1 {
		return misuse("--limit: want 1 or more, got %d", o.filter.Limit)
	}
	database, err := a.openDatabase(ctx)
	if err != nil {
		return err
	}
	defer database.Close()
	list, err := database.Jobs(ctx, o.filter)
	if err != nil {
		return err
	}
	if o.asJSON {
		return printJSON(a.stdout, map[string]any{"jobs": list})
	}
	if len(list) == 0 {
		fmt.Fprintln(a.stderr, "no such jobs")
		return nil
	}
	rows := make([][]string, len(list))
	for i, j := range list {
		rows[i] = append([]string{j.JobID, j.Provider, j.Kind}, jobCells(j)[1:]...)
	}
	return printTable(a.stdout, append([]string{"JOB", "PROVIDER", "KIND"}, jobHead[1:]...), rows)
}

func (a *app) oneJob(ctx context.Context, id string, asJSON bool) error {
	database, err := a.openDatabase(ctx)
	if err != nil {
		return err
	}
	defer database.Close()
	job, ok, err := database.Job(ctx, id)
	if err != nil {
		return err
	}
	if !ok {
		return &exit{failed, fmt.Errorf("no job %q is known; `orderbeat jobs` lists those that are", id)}
	}
	if asJSON {
		return printJSON(a.stdout, map[string]any{"job": job})
	}
	printJob(a.stdout, job)
	return nil
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
	fmt.Fprintf(w, "asks %s; run %s\n", orDash(plain(asks(j.Question))), j.RunID)
	fmt.Fprintf(w, "planned %s, %s ended%s\n", second(j.PlannedAt), count(j.Attempts, "attempt"), uncounted(j.Tried))
	if j.RetriedAt != nil {
		fmt.Fprintf(w, "brought back %s\n", second(*j.RetriedAt))
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
