package schedules

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"orderbeat/cmd/orderbeat/cli"
	"orderbeat/cmd/orderbeat/config"
	"orderbeat/db/schedules"
	"orderbeat/worker/api"
	"orderbeat/worker/scheduler"
)

// Command returns the command schedules with its subcommands.
func Command(a *cli.App) *cobra.Command {
	var provider string
	var asJSON bool
	c := &cobra.Command{
		Use:   "schedules",
		Short: "List, pause, resume, trigger and explain schedules",
		Long: `List the configured schedules: the next due time, the outcome of the last one, and whether
the schedule is paused. Reads the configuration and the database; no worker needs to run.
Pause, resume and trigger need a running worker.`,
		Example: `  orderbeat schedules
  orderbeat schedules pause michelin-recent --note "maintenance until Monday"
  orderbeat schedules explain michelin-recent --at 2026-03-29T02:30:00+01:00`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			conf, err := a.LoadWithoutSecrets()
			if err != nil {
				return err
			}
			return listSchedules(c.Context(), a, conf, provider, asJSON)
		},
	}
	a.ProviderFlag(c, &provider)
	cli.JSONFlag(c, &asJSON)
	c.AddCommand(pauseCommand(a), resumeCommand(a), triggerCommand(a), explainCommand(a))
	return c
}

func listSchedules(ctx context.Context, a *cli.App, conf *config.Config, provider string, asJSON bool) error {
	database, err := a.OpenDatabase(ctx)
	if err != nil {
		return err
	}
	defer database.Close()
	list := []api.Schedule{}
	for _, s := range conf.Schedules {
		if provider != "" && s.Provider != provider {
			continue
		}
		state, err := scheduler.State(ctx, database, s.Schedule)
		if err != nil {
			return err
		}
		list = append(list, state)
	}
	if err := a.CheckFound(len(list), provider, ""); err != nil {
		return err
	}
	if asJSON {
		return cli.PrintJSON(a.Stdout, map[string]any{"schedules": list})
	}
	if len(list) == 0 {
		fmt.Fprintln(a.Stderr, "no schedules are configured")
		return nil
	}
	return printSchedules(a, list)
}

func printSchedules(a *cli.App, list []api.Schedule) error {
	rows := make([][]string, len(list))
	for i, s := range list {
		next, last, paused := "-", "-", "-"
		if s.NextDue != nil {
			next = a.Second(*s.NextDue)
		}
		if s.LastTick != nil {
			last = a.Second(s.LastTick.DueAt) + " " + outcomeText(*s.LastTick)
		}
		if s.Pause != nil {
			paused = strings.TrimSpace("since " + a.Minute(s.Pause.PausedAt) + " " + s.Pause.Note)
		}
		rows[i] = []string{s.Name, s.Provider, s.Kind, s.Cron, s.Timezone, next, last, paused}
	}
	return cli.PrintTable(a.Stdout, []string{"SCHEDULE", "PROVIDER", "KIND", "CRON", "ZONE", a.Head("NEXT DUE"), a.Head("LAST DUE"), "PAUSED"}, rows)
}

// outcomeText formats the outcome of a due time: "skipped: paused".
func outcomeText(t schedules.Tick) string {
	if t.Reason == "" {
		return t.Outcome
	}
	return t.Outcome + ": " + t.Reason
}
