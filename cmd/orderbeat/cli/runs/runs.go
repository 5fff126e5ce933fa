package runs

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"orderbeat/cmd/orderbeat/cli"
	"orderbeat/db"
	"orderbeat/db/runs"
	"orderbeat/jobs"
)

// Command returns the command that lists, shows, pauses, resumes and cancels runs.
func Command(a *cli.App) *cobra.Command {
	var o runsOptions
	c := &cobra.Command{
		Use:   "runs [run-id]",
		Short: "List, show, pause, resume and cancel runs",
		Long: `List runs, newest first; with a run id, show the run and its jobs. Reads the database; no
worker needs to run. A run id can be abbreviated to a unique prefix. --since selects
by the time of the request.`,
		Example: `  orderbeat runs
  orderbeat runs --state failed --limit 5
  orderbeat runs 01JDC3M3V8S5Y0QZ7W2K4H6N9P --json
  orderbeat runs cancel 01JDC3M3V8S5Y0QZ7W2K4H6N9P`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) == 1 {
				return showRun(c.Context(), a, args[0], o.asJSON)
			}
			return listRuns(c.Context(), a, o)
		},
	}
	a.ProviderFlag(c, &o.filter.Provider)
	cli.KindFlag(c, &o.filter.Kind)
	cli.ChoiceFlag(c, &o.state, "state", "only this state", jobs.ListedRunStates)
	cli.SinceFlag(c, &o.since, "")
	cli.LimitFlag(c, &o.filter.Limit, 20)
	cli.JSONFlag(c, &o.asJSON)
	c.AddCommand(cancelCommand(a), pauseCommand(a), resumeCommand(a))
	return a.CompleteArg(c, a.RecentRuns)
}

type runsOptions struct {
	filter runs.RunFilter
	state  string
	since  string
	asJSON bool
}

func listRuns(ctx context.Context, a *cli.App, o runsOptions) error {
	if err := cli.CheckList(o.filter.Limit, "state", o.state, jobs.ListedRunStates); err != nil {
		return err
	}
	var err error
	if o.filter.Since, err = a.ParseSince("since", o.since); err != nil {
		return err
	}
	o.filter.State = jobs.State(o.state)
	return a.ReadDatabase(ctx, func(database *db.DB) error {
		limit := o.filter.Limit
		o.filter.Limit++
		list, err := database.Runs(ctx, o.filter)
		if err != nil {
			return err
		}
		return cli.Listing[jobs.Run]{
			Noun: "run", Provider: o.filter.Provider,
			Head: []string{"RUN", "PROVIDER", "KIND", "STATE", "JOBS", "SEEN", "CREATED", "CHANGED", "TRIGGER", a.Head("REQUESTED"), "TOOK"},
			Row: func(r jobs.Run) []string {
				return []string{
					r.ID, r.Provider, r.Kind, stateOfRun(r), fmt.Sprintf("%d/%d", r.Jobs.Ended(), r.Jobs.Total),
					fmt.Sprint(r.Orders.Seen), fmt.Sprint(r.Orders.Created), fmt.Sprint(r.Orders.Changed), r.Trigger, a.Minute(r.RequestedAt), elapsed(r),
				}
			},
		}.Print(a, list, limit, o.asJSON)
	})
}

// stateOfRun returns the run's state, or "paused".
func stateOfRun(r jobs.Run) string {
	if r.PausedAt != nil && !r.State.Ended() {
		return "paused"
	}
	return string(r.State)
}

// elapsed returns the time from request to end; "-" before the end.
func elapsed(r jobs.Run) string {
	if r.FinishedAt == nil {
		return "-"
	}
	return r.FinishedAt.Sub(r.RequestedAt).Round(time.Millisecond).String()
}

func showRun(ctx context.Context, a *cli.App, text string, asJSON bool) error {
	id, err := a.RunID(ctx, text)
	if err != nil {
		return err
	}
	return a.ReadDatabase(ctx, func(database *db.DB) error {
		run, ok, err := database.Run(ctx, id)
		if err != nil {
			return err
		}
		if !ok {
			return cli.Exit(cli.Failed, fmt.Errorf("run %q not found; `orderbeat runs` lists all runs", id))
		}
		rows, err := database.RunJobs(ctx, run.ID)
		if err != nil {
			return err
		}
		far, err := database.Progress(ctx, run)
		if err != nil {
			return err
		}
		if asJSON {
			return cli.PrintJSON(a.Stdout, map[string]any{"run": run, "jobs": rows, "progress": far})
		}
		return printRun(a, run, rows, far)
	})
}

func printRun(a *cli.App, r jobs.Run, js []runs.JobRow, far jobs.Progress) error {
	w := a.Stdout
	fmt.Fprintf(w, "%s  %s %s  ", r.ID, cli.Plain(r.Provider), cli.Plain(r.Kind))
	cli.PrintState(w, stateOfRun(r))
	fmt.Fprintf(w, "\nrequested %s by %s, took %s\n", a.Minute(r.RequestedAt), cli.Plain(r.Trigger), elapsed(r))
	if len(r.Params) > 0 {
		fmt.Fprintf(w, "params %s\n", cli.Plain(string(r.Params)))
	}
	if r.Note != "" {
		fmt.Fprintf(w, "note: %s\n", cli.Plain(r.Note))
	}
	fmt.Fprintf(w, "%d of %s ended%s; %s seen, %d created, %d changed\n",
		r.Jobs.Ended(), cli.Count(r.Jobs.Total, "job"), remaining(r, far), cli.Count(r.Orders.Seen, "order"), r.Orders.Created, r.Orders.Changed)
	if len(r.Errors) > 0 {
		fmt.Fprintln(w)
		cli.PrintErrors(w, r.Errors)
	}
	if len(js) == 0 {
		return nil
	}
	fmt.Fprintln(w)
	rows := make([][]string, len(js))
	for i, j := range js {
		rows[i] = jobCells(a, j)
	}
	return cli.PrintTable(w, jobHead(a), rows)
}

// jobHead is the header of jobCells.
func jobHead(a *cli.App) []string {
	return []string{"JOB", "ACCOUNT", "STATE", "ATTEMPTS", "REQUEST", "SEEN", "CREATED", "CHANGED", a.Head("NEXT"), "ERROR"}
}

func jobCells(a *cli.App, j runs.JobRow) []string {
	next, problem := "-", string(j.ErrorCode)
	if j.NextAttemptAt != nil && !j.State.Ended() {
		next = a.Second(*j.NextAttemptAt)
	}
	if j.Error != "" {
		problem += ": " + j.Error
	}
	return []string{
		strings.TrimPrefix(j.JobID, j.RunID+"-"), j.Account, stateOf(j), fmt.Sprint(j.Attempts), describeQuery(j.Question),
		fmt.Sprint(j.Orders.Seen), fmt.Sprint(j.Orders.Created), fmt.Sprint(j.Orders.Changed), next, cli.OrDash(problem),
	}
}

// describeQuery describes what a job requests.
func describeQuery(q jobs.Question) string {
	if q.Remaps != "" {
		return "responses recorded by " + q.Remaps
	}
	if q.From != "" {
		return fmt.Sprintf("%s..%s", q.From, q.To)
	}
	names := slices.Concat(q.OrderIDs, q.References)
	const most = 2
	if len(names) > most {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:most], ", "), len(names)-most)
	}
	return strings.Join(names, ", ")
}
