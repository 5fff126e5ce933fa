package runs

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/schollz/progressbar/v3"
	"github.com/spf13/cobra"

	"orderbeat/clients"
	"orderbeat/cmd/orderbeat/cli"
	"orderbeat/jobs"
	"orderbeat/worker/api"
)

// watchOptions say how a run is watched.
type watchOptions struct {
	timeout time.Duration
	asJSON  bool
}

func (o *watchOptions) flags(c *cobra.Command) {
	c.Flags().DurationVar(&o.timeout, "timeout", 0, "stop watching after this time, such as 5m; the run continues (default never)")
	cli.JSONFlag(c, &o.asJSON)
}

// startAndFollow starts a run, watches it until it ended, and tells how.
func startAndFollow(ctx context.Context, a *cli.App, request cli.RunRequest, o watchOptions) error {
	w, err := a.DialWorker()
	if err != nil {
		return err
	}
	defer w.Close()

	if o.timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, o.timeout)
		defer cancel()
	}
	run, err := cli.StartRun(ctx, w, request)
	if err != nil {
		return err
	}
	return follow(ctx, a, w, run, o.asJSON)
}

// follow watches a run until it ended, tells how, and exits by it.
func follow(ctx context.Context, a *cli.App, w *cli.Client, run jobs.Run, asJSON bool) error {
	run, err := watchRun(ctx, a, w, run)
	if ctx.Err() != nil && !run.State.Ended() {
		return fmt.Errorf("stopped watching; run %s continues: see `orderbeat runs %s`", run.ID, run.ID)
	}
	if err != nil {
		return err
	}
	if asJSON {
		if err := cli.PrintJSON(a.Stdout, run); err != nil {
			return err
		}
	} else {
		printResult(a.Stdout, a.Stderr, run)
	}
	return outcome(run.State)
}

// outcome is the exit status of a run that ended.
func outcome(s jobs.State) error {
	switch s {
	case jobs.Succeeded:
		return nil
	case jobs.Partial:
		return cli.Exit(cli.Partial, nil)
	default:
		return cli.Exit(cli.Failed, nil)
	}
}

// watchRun asks for the run until it ended, and shows how far it is. While the worker
// does not answer, because it restarts, it keeps asking for a while.
func watchRun(ctx context.Context, a *cli.App, w *cli.Client, run jobs.Run) (jobs.Run, error) {
	const patience, pollTimeout = 30 * time.Second, 10 * time.Second
	every := 250 * time.Millisecond
	if run.Priority == jobs.Low { // it takes its time
		every = time.Second
	}
	bar := newBar(a.RawStderr)
	defer bar.Close()
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	answered := time.Now()
	var far jobs.Progress
	for !run.State.Ended() {
		bar.show(run, far)
		select {
		case <-ctx.Done():
			return run, ctx.Err()
		case <-ticker.C:
		}
		var reply api.Run
		err := w.Request(ctx, pollTimeout, "runs.get", api.RunID{RunID: run.ID}, &reply)
		switch {
		case err == nil:
			run, answered = reply.Run, time.Now()
			if reply.Progress != nil {
				far = *reply.Progress
			}
		case !passes(err) || time.Since(answered) > patience:
			return run, fmt.Errorf("run %s: %w", run.ID, err)
		}
	}
	bar.show(run, far)
	return run, nil
}

// passes reports whether an error is one of a worker that stops, starts or is busy.
func passes(err error) bool {
	if e, ok := errors.AsType[*api.Error](err); ok {
		return e.Code == "busy" || e.Code == "timeout" || e.Code == clients.CodeUnavailable
	}
	if _, ok := errors.AsType[*cli.NoWorkerError](err); ok {
		return true
	}
	return errors.Is(err, nats.ErrTimeout) || errors.Is(err, context.DeadlineExceeded)
}

// progress shows a run's jobs on a terminal, and nothing elsewhere.
type progress struct{ bar *progressbar.ProgressBar }

func newBar(w io.Writer) progress {
	if !cli.IsTerminal(w) {
		return progress{}
	}
	return progress{progressbar.NewOptions(-1,
		progressbar.OptionSetWriter(w),
		progressbar.OptionSetDescription("jobs"),
		progressbar.OptionShowCount(),
		progressbar.OptionClearOnFinish(),
		progressbar.OptionSetWidth(40),
	)}
}

func (p progress) show(run jobs.Run, far jobs.Progress) {
	if p.bar == nil || run.Jobs.Total == 0 {
		return
	}
	p.bar.Describe("jobs" + rest(run, far))
	p.bar.ChangeMax(run.Jobs.Total)
	_ = p.bar.Set(run.Jobs.Ended()) // drawing may fail; the run does not
}

// rest says how long the rest of a run takes, or that it is paused; "" when nobody knows.
func rest(run jobs.Run, far jobs.Progress) string {
	switch {
	case run.State.Ended():
		return ""
	case run.PausedAt != nil && run.Note != "":
		return ", paused: " + cli.Plain(run.Note)
	case run.PausedAt != nil:
		return ", paused"
	case far.LeftSeconds == nil:
		return ""
	}
	return fmt.Sprintf(", about %s left", time.Duration(*far.LeftSeconds*float64(time.Second)).Round(time.Second))
}

// Close takes the bar off the terminal.
func (p progress) Close() {
	if p.bar != nil {
		_ = p.bar.Exit()
	}
}

// printResult tells how a run ended, in one line, and its errors on stderr.
func printResult(stdout, stderr io.Writer, run jobs.Run) {
	fmt.Fprintf(stdout, "%s %s %s in %s: %s, %s seen, %d created, %d changed (run %s)\n",
		run.Provider, run.Kind, run.State, took(run), cli.Count(run.Jobs.Total, "job"), cli.Count(run.Orders.Seen, "order"),
		run.Orders.Created, run.Orders.Changed, run.ID)
	cli.PrintErrors(stderr, run.Errors)
}
