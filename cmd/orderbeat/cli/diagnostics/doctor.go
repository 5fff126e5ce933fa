package diagnostics

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"orderbeat/clients"
	"orderbeat/cmd/orderbeat/cli"
	"orderbeat/cmd/orderbeat/config"
	"orderbeat/db"
	"orderbeat/db/runs"
	"orderbeat/jobs"
	"orderbeat/worker/api"
)

// DoctorCommand returns the command that tests credentials.
func DoctorCommand(a *cli.App) *cobra.Command {
	var o doctorOptions
	c := &cobra.Command{
		Use:   "doctor [provider]",
		Short: "Test the credentials of every account",
		Long: `Have the running worker test the credentials of every account, of one provider or of all:
that a token can be obtained, and that the provider accepts it where that can be tested
without touching data. It sends requests even while a provider's breaker is open, and leaves
the breaker as it is.

Exit status: 0 every account is healthy, 3 some are, 1 none is.`,
		Example: `  orderbeat doctor
  orderbeat doctor mazda --json`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) == 1 {
				o.provider = args[0]
			}
			conf, err := a.LoadPart("nats", "db")
			if err != nil {
				return err
			}
			return runDoctor(c.Context(), a, conf, o)
		},
	}
	c.Flags().DurationVar(&o.timeout, "timeout", time.Minute, "how long to wait for all accounts together")
	cli.JSONFlag(c, &o.asJSON)
	return a.CompleteProvider(c)
}

type doctorOptions struct {
	provider string
	timeout  time.Duration
	asJSON   bool
}

// finding is the result for one account.
type finding struct {
	Provider string       `json:"provider"`
	Account  string       `json:"account,omitempty"`
	Well     bool         `json:"well"`
	Code     clients.Code `json:"code,omitempty"`
	Message  string       `json:"message,omitempty"`
	Hint     string       `json:"hint,omitempty"`
}

func runDoctor(ctx context.Context, a *cli.App, conf *config.Config, o doctorOptions) error {
	w, err := cli.Dial(conf.NATS)
	if err != nil {
		return err
	}
	defer w.Close()
	configured, err := configuredProviders(ctx, w)
	if err != nil {
		return err
	}
	providers := []string{o.provider}
	if o.provider == "" {
		providers = slices.Sorted(maps.Keys(configured))
	}
	runs := make([]jobs.Run, len(providers))
	for i, provider := range providers {
		if runs[i], err = cli.StartRun(ctx, w, cli.RunRequest{Provider: provider, Kind: "check"}); err != nil {
			return err
		}
	}
	database, err := db.OpenReadOnly(ctx, conf.DB.Path)
	if err != nil {
		return err
	}
	defer database.Close()
	ctx, cancel := context.WithTimeout(ctx, o.timeout)
	defer cancel()
	var found []finding
	for _, run := range runs {
		tried, err := triedJobs(ctx, database, run.ID)
		if err != nil {
			return err
		}
		for _, job := range tried {
			found = append(found, findingOf(job))
		}
	}
	for _, provider := range providers {
		reportBreaker(a, provider, configured[provider])
	}
	return printFindings(a, found, o.asJSON)
}

// configuredProviders returns the worker's providers with the state of their breakers, nil if
// unknown.
func configuredProviders(ctx context.Context, w *cli.Client) (map[string]*clients.BreakerStatus, error) {
	reply, err := cli.CallOver[api.Providers](ctx, w, "providers.list", struct{}{})
	if err != nil {
		return nil, err
	}
	configured := map[string]*clients.BreakerStatus{}
	for _, p := range reply.Providers {
		configured[p.Provider] = p.Breaker
	}
	return configured, nil
}

// reportBreaker prints that a provider's breaker is open: order requests fail even if the
// credentials work.
func reportBreaker(a *cli.App, provider string, b *clients.BreakerStatus) {
	if b == nil || b.State == clients.BreakerClosed {
		return
	}
	fmt.Fprintf(a.Stderr, "%s: breaker open after %d failed requests in a row; probe requests are sent until one succeeds\n", cli.Plain(provider), b.Failures)
}

// triedJobs waits until each job of a run was tried once or ctx ends, and returns all of
// them. Jobs that will be retried continue by themselves.
func triedJobs(ctx context.Context, database *db.DB, runID string) ([]runs.JobRow, error) {
	ticker := time.NewTicker(100 * time.Millisecond)
	defer ticker.Stop()
	for {
		rows, err := database.RunJobs(context.WithoutCancel(ctx), runID)
		if err != nil {
			return nil, err
		}
		tried := 0
		for _, row := range rows {
			if row.State.Ended() || row.State == jobs.Waiting {
				tried++
			}
		}
		if len(rows) > 0 && tried == len(rows) {
			return rows, nil
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			if errors.Is(ctx.Err(), context.DeadlineExceeded) {
				return rows, nil
			}
			return nil, ctx.Err()
		}
	}
}

func findingOf(job runs.JobRow) finding {
	f := finding{Provider: job.Provider, Account: job.Account, Well: job.State == jobs.Succeeded, Code: job.ErrorCode, Message: job.Error, Hint: job.Hint}
	if !f.Well && f.Message == "" {
		f.Code, f.Message = clients.CodeUnavailable, "no result yet"
	}
	return f
}

func printFindings(a *cli.App, found []finding, asJSON bool) error {
	well := 0
	for _, f := range found {
		if f.Well {
			well++
		}
	}
	if asJSON {
		if err := cli.PrintJSON(a.Stdout, map[string]any{"findings": found}); err != nil {
			return err
		}
	} else if err := printFindingsTable(a.Stdout, found); err != nil {
		return err
	}
	return cli.ExitOf(well, len(found))
}

func printFindingsTable(w io.Writer, found []finding) error {
	rows := make([][]string, len(found))
	for i, f := range found {
		result := "ok"
		if !f.Well {
			result = fmt.Sprintf("%s: %s", f.Code, f.Message)
		}
		rows[i] = []string{f.Provider, f.Account, result, f.Hint}
	}
	return cli.PrintTable(w, []string{"PROVIDER", "ACCOUNT", "FOUND", "HINT"}, rows)
}
