package runs

import (
	"cmp"
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

// watchOptions are flags of commands that follow a run.
type watchOptions struct {
	timeout time.Duration
	asJSON  bool
}

func (o *watchOptions) flags(c *cobra.Command) {
	c.Flags().DurationVar(&o.timeout, "timeout", 0, "stop watching after this time, such as 5m; the run continues (default never)")
	cli.JSONFlag(c, &o.asJSON)
}

// startAndFollow starts a run, waits for its end and prints the result.
func startAndFollow(ctx context.Context, a *cli.App, endpoint string, request any, o watchOptions) error {
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
	reply, err := cli.CallOver[api.Run](ctx, w, endpoint, request)
	w.PrintWorker(a.Stderr)
	if err != nil {
		return err
	}
	return follow(ctx, a, w, reply.Run, o.asJSON)
}

// follow waits for the end of a run, prints the result and returns its exit status.
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

// outcome returns the exit status for the final state of a run.
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

// watchRun polls the run until it ends, and shows its progress. It tolerates a worker that
// does not respond for a while, for example during a restart.
func watchRun(ctx context.Context, a *cli.App, w *cli.Client, run jobs.Run) (jobs.Run, error) {
	const retryFor, pollTimeout = 30 * time.Second, 10 * time.Second
	every := 250 * time.Millisecond
	if run.Priority == jobs.Low { // a long run
		every = time.Second
	}
	bar := newBar(a.RawStderr)
	defer bar.Close()
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	responded := time.Now()
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
			run, responded = reply.Run, time.Now()
			if reply.Progress != nil {
				far = *reply.Progress
			}
		case !isTemporary(err) || time.Since(responded) > retryFor:
			return run, fmt.Errorf("run %s: %w", run.ID, err)
		}
	}
	bar.show(run, far)
	return run, nil
}

// isTemporary reports whether an error is that of a worker that stops, starts or is busy.
func isTemporary(err error) bool {
	if e, ok := errors.AsType[*api.Error](err); ok {
		return e.Code == "busy" || e.Code == "timeout" || e.Code == clients.CodeUnavailable
	}
	if _, ok := errors.AsType[*cli.NoWorkerError](err); ok {
		return true
	}
	return errors.Is(err, nats.ErrTimeout) || errors.Is(err, context.DeadlineExceeded)
}

// progress is a progress bar of a run's jobs; it prints nothing if there is no terminal.
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
		progressbar.OptionSetPredictTime(false), // the description has the worker's estimate
	)}
}

func (p progress) show(run jobs.Run, far jobs.Progress) {
	if p.bar == nil || run.Jobs.Total == 0 {
		return
	}
	p.bar.Describe("jobs" + remaining(run, far))
	p.bar.ChangeMax(run.Jobs.Total)
	_ = p.bar.Set(run.Jobs.Ended()) // drawing may fail; the run does not
}

// remaining describes the remaining time of a run, or that it is paused; "" if unknown.
func remaining(run jobs.Run, far jobs.Progress) string {
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

// Close removes the bar from the terminal.
func (p progress) Close() {
	if p.bar != nil {
		_ = p.bar.Exit()
	}
}

// printResult prints the result of a run as one line, and its errors to stderr.
func printResult(stdout, stderr io.Writer, run jobs.Run) {
	fmt.Fprintf(stdout, "%s %s ", cli.Plain(run.Provider), cli.Plain(run.Kind))
	cli.PrintState(stdout, string(run.State))
	fmt.Fprintf(stdout, " in %s: %s, %s seen, %d created, %d changed (run %s)\n",
		elapsed(run), cli.Count(run.Jobs.Total, "job"), cli.Count(run.Orders.Seen, "order"),
		run.Orders.Created, run.Orders.Changed, run.ID)
	if run.Jobs.Total == 0 && len(run.Errors) == 0 {
		fmt.Fprintln(stderr, cmp.Or(cli.Plain(run.Note), "no jobs: there was nothing to request"))
	}
	cli.PrintErrors(stderr, run.Errors)
}
