package schedules

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"orderbeat/cmd/orderbeat/cli"
	"orderbeat/cmd/orderbeat/config"
	"orderbeat/db"
	"orderbeat/db/schedules"
	"orderbeat/worker/api"
	"orderbeat/worker/scheduler"
)

// Command returns the command schedules with its subcommands.
func Command(a *cli.App) *cobra.Command {
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
			return listSchedules(c.Context(), a, conf, asJSON)
		},
	}
	cli.JSONFlag(c, &asJSON)
	c.AddCommand(pauseCommand(a), resumeCommand(a), triggerCommand(a), explainCommand(a))
	return c
}

func listSchedules(ctx context.Context, a *cli.App, conf *config.Config, asJSON bool) error {
	database, err := db.OpenReadOnly(ctx, conf.DB.Path)
	if err != nil {
		return err
	}
	defer database.Close()
	list := []api.Schedule{}
	for _, s := range conf.Schedules {
		row := api.Schedule{Name: s.Name, Cron: s.Spec, Timezone: s.Zone, Provider: s.Provider, Kind: s.Kind}
		w, err := database.Watermark(ctx, s.Name)
		if err != nil {
			return err
		}
		row.LastTick = w.Last
		if next, ok := scheduler.NextDue(s.Cron, w, time.Now()); ok {
			row.NextDue = &next
		}
		if pause, ok, err := database.Paused(ctx, s.Name); err != nil {
			return err
		} else if ok {
			row.Pause = &pause
		}
		list = append(list, row)
	}
	if asJSON {
		return cli.PrintJSON(a.Stdout, map[string]any{"schedules": list})
	}
	if len(list) == 0 {
		fmt.Fprintln(a.Stderr, "no schedules configured")
		return nil
	}
	return printSchedules(a.Stdout, list)
}

func printSchedules(w io.Writer, list []api.Schedule) error {
	rows := make([][]string, len(list))
	for i, s := range list {
		next, last, paused := "-", "-", "-"
		if s.NextDue != nil {
			next = cli.Second(*s.NextDue)
		}
		if s.LastTick != nil {
			last = cli.Second(s.LastTick.DueAt) + " " + outcomeText(*s.LastTick)
		}
		if s.Pause != nil {
			paused = strings.TrimSpace("since " + cli.Minute(s.Pause.PausedAt) + " " + s.Pause.Note)
		}
		rows[i] = []string{s.Name, s.Provider, s.Kind, s.Cron, s.Timezone, next, last, paused}
	}
	return cli.PrintTable(w, []string{"SCHEDULE", "PROVIDER", "KIND", "CRON", "ZONE", "NEXT DUE (UTC)", "LAST DUE (UTC)", "PAUSED"}, rows)
}

// outcomeText formats the outcome of a due time: "skipped: paused".
func outcomeText(t schedules.Tick) string {
	if t.Reason == "" {
		return t.Outcome
	}
	return t.Outcome + ": " + t.Reason
}
