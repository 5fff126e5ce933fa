package status

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"orderbeat/cmd/orderbeat/cli"
	"orderbeat/db/alerts"
	"orderbeat/db/reports"
	"orderbeat/jobs"
	"orderbeat/worker/api"
)

// report is the result of `orderbeat status`.
type report struct {
	Worker    string             `json:"worker"` // "running", or why none responds
	Config    *api.Configuration `json:"config"` // null without a worker
	Database  string             `json:"database"`
	Alerts    []alerts.Alert     `json:"alerts"` // raised
	Providers []api.Provider     `json:"providers"`
	Processes []api.Process      `json:"processes"` // of the fleet; empty without a worker
	Jobs      map[jobs.State]int `json:"jobs"`      // unfinished, and of the last 24 hours without success
	Open      int                `json:"open_orders"`
	Late      int                `json:"late_orders"`
	Outbox    int                `json:"outbox_messages"`
	OutboxAge *time.Time         `json:"outbox_since"` // of the oldest message; null without one
	SetAside  int                `json:"unpublishable_messages"`
}

// Command returns the command status.
func Command(a *cli.App) *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:   "status",
		Short: "Show what is wrong now and what to do",
		Long: `Show on one screen whether a worker runs, when each account last succeeded, late orders,
jobs, messages that wait to be published, and current problems with what to do. Reads
the database, and requests from the running worker breakers, credentials and processes of the
fleet: who leads, who follows and how far behind, who fetches.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			r, err := read(c.Context(), a)
			if err != nil {
				return err
			}
			if asJSON {
				return cli.PrintJSON(a.Stdout, r)
			}
			return r.print(a)
		},
	}
	cli.JSONFlag(c, &asJSON)
	return c
}

func read(ctx context.Context, a *cli.App) (r report, err error) {
	conf, err := a.LoadWithoutSecrets()
	if err != nil { // a running worker has the previous one
		part, unreadable := a.LoadPart("db", "nats")
		if unreadable != nil {
			return r, err
		}
		conf = part
		fmt.Fprintf(a.Stderr, "the configuration is invalid:\n%v\n\n", unwrapped(err))
	}
	database, err := a.OpenDatabase(ctx)
	if err != nil {
		return r, err
	}
	defer database.Close()
	r = report{Worker: "running", Database: conf.DB.Path, Alerts: []alerts.Alert{}, Processes: []api.Process{}}
	list, absent, err := providers(ctx, a, conf, database)
	if err != nil {
		return r, err
	}
	if r.Providers = list; absent != nil {
		r.Worker = absent.Error()
	} else if c, err := asked[api.Configuration](ctx, a, "config.get"); err == nil {
		r.Config = &c
	}
	if _, none := errors.AsType[*cli.NoWorkerError](absent); none || absent == nil { // followers may run without a leader
		if f, err := asked[api.Fleet](ctx, a, "fleet.list"); err == nil {
			r.Processes = f.Processes
			if absent != nil {
				r.Worker = noLeader(f.Processes)
			}
		}
	}
	raised, err := database.Alerts(ctx, true)
	if err != nil {
		return r, err
	}
	r.Alerts = append(r.Alerts, raised...)
	counts, err := database.Reports().Counts(ctx, time.Now().Add(-24*time.Hour))
	if err != nil {
		return r, err
	}
	r.Jobs, r.Open, r.Late, r.Outbox, r.OutboxAge, r.SetAside = counts.Jobs, counts.OpenOrders, counts.LateOrders, counts.Outbox, counts.OutboxSince, counts.SetAside
	return r, nil
}

// noLeader returns why the leader did not reply although other processes did.
func noLeader(processes []api.Process) string {
	if slices.ContainsFunc(processes, func(p api.Process) bool { return p.Leader }) {
		return "the leader does not respond"
	}
	return "no process leads at the moment"
}

// asked sends a request without parameters to the running worker and returns its reply.
func asked[R any](ctx context.Context, a *cli.App, endpoint string) (R, error) {
	ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	return cli.Call[R](ctx, a, endpoint, struct{}{})
}

// unwrapped returns an error without its exit status.
func unwrapped(err error) error {
	if e, ok := errors.AsType[*cli.ExitError](err); ok && e.Err != nil {
		return e.Err
	}
	return err
}

func (r report) print(a *cli.App) error {
	w := a.Stdout
	fmt.Fprintf(w, "worker    %s\n", cli.Plain(r.Worker))
	r.printConfig(a)
	fmt.Fprintf(w, "orders    %s open, %s late%s\n", count(r.Open), count(r.Late), when(r.Late > 0, "  orderbeat orders --late"))
	fmt.Fprintf(w, "jobs      %s queued, %s running, %s waiting\n", count(r.Jobs[jobs.Queued]), count(r.Jobs[jobs.Running]), count(r.Jobs[jobs.Waiting]))
	for _, state := range []jobs.State{jobs.Dead, jobs.Failed, jobs.Partial} {
		if n := r.Jobs[state]; n > 0 {
			fmt.Fprintf(w, "          %s ", count(n))
			cli.PrintState(w, string(state))
			fmt.Fprintf(w, " in the last 24 hours  orderbeat jobs --state %s --since 24h\n", state)
		}
	}
	fmt.Fprintf(w, "outbox    %s to publish%s\n", count(r.Outbox), r.waiting(a))
	if r.SetAside > 0 {
		fmt.Fprintf(w, "          %s set aside because NATS rejects them\n", count(r.SetAside))
	}
	fmt.Fprintln(w)
	if err := printProviders(a, r.Providers); err != nil {
		return err
	}
	if err := printFleet(a, r.Processes); err != nil {
		return err
	}
	r.printAlerts(a)
	return nil
}

// printFleet lists the processes if there are several.
func printFleet(a *cli.App, processes []api.Process) error {
	if len(processes) < 2 {
		return nil
	}
	rows := make([][]string, len(processes))
	for i, p := range processes {
		lag := "-"
		if p.Lag != nil {
			lag = p.Lag.String()
		}
		rows[i] = []string{
			p.Host, p.Role, cli.OrDash(strings.Join(p.Does, ", ")), lag, p.Version, a.Minute(p.Since),
			strconv.Itoa(p.Slots), strconv.Itoa(p.InFlight), p.Process,
		}
	}
	fmt.Fprintln(a.Stdout)
	return cli.PrintTable(a.Stdout, []string{"HOST", "ROLE", "DOES", "LAG", "VERSION", a.Head("SINCE"), "SLOTS", "JOBS", "PROCESS"}, rows)
}

// printConfig prints whether the configuration in effect differs from the file.
func (r report) printConfig(a *cli.App) {
	w := a.Stdout
	if r.Config == nil {
		return
	}
	if at := r.Config.RejectedAt; at != nil {
		first, _, _ := strings.Cut(r.Config.Error, "\n")
		fmt.Fprintf(w, "config    rejected at %s, nothing was changed: %s\n          orderbeat check\n", a.Second(*at), cli.Plain(first))
	}
	if keys := r.Config.Restart; len(keys) > 0 {
		fmt.Fprintf(w, "config    changed, takes effect after a restart: %s\n", cli.Plain(strings.Join(keys, ", ")))
	}
}

// waiting returns since when the oldest message has waited.
func (r report) waiting(a *cli.App) string {
	if r.OutboxAge == nil {
		return ""
	}
	return ", the oldest since " + a.Second(*r.OutboxAge)
}

func (r report) printAlerts(a *cli.App) {
	w := a.Stdout
	const shown = 10
	if len(r.Alerts) == 0 {
		fmt.Fprintln(w, "\nno alerts")
		return
	}
	fmt.Fprintf(w, "\n%s\n", cli.Count(len(r.Alerts), "alert"))
	for _, alert := range r.Alerts[:min(shown, len(r.Alerts))] {
		printAlert(a, alert)
	}
	if len(r.Alerts) > shown {
		fmt.Fprintln(w, "more: orderbeat alerts")
	}
}

// count formats a number, with a plus sign if there may be more.
func count(n int) string {
	if n >= reports.MaxCounted {
		return fmt.Sprintf("%d+", n)
	}
	return fmt.Sprint(n)
}

func when(holds bool, text string) string {
	if holds {
		return text
	}
	return ""
}
