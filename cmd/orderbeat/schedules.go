package main

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/robfig/cron/v3"
	"github.com/spf13/cobra"

	"orderbeat/cmd/orderbeat/config"
	"orderbeat/db"
	"orderbeat/worker/api"
	"orderbeat/worker/scheduler"
)

func (a *app) schedulesCommand() *cobra.Command {
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
			conf, err := a.loadWithoutSecrets()
			if err != nil {
				return err
			}
			return a.schedules(c.Context(), conf, asJSON)
		},
	}
	jsonFlag(c, &asJSON)
	c.AddCommand(a.schedulesPauseCommand(), a.schedulesResumeCommand(), a.schedulesTriggerCommand(), a.schedulesExplainCommand())
	return c
}

func (a *app) schedules(ctx context.Context, conf *config.Config, asJSON bool) error {
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
		return printJSON(a.stdout, map[string]any{"schedules": list})
	}
	if len(list) == 0 {
		fmt.Fprintln(a.stderr, "no schedules configured")
		return nil
	}
	return printSchedules(a.stdout, list)
}

func printSchedules(w io.Writer, list []api.Schedule) error {
	rows := make([][]string, len(list))
	for i, s := range list {
		next, last, paused := "-", "-", "-"
		if s.NextDue != nil {
			next = second(*s.NextDue)
		}
		if s.LastTick != nil {
			last = second(s.LastTick.DueAt) + " " + outcomeText(*s.LastTick)
		}
		if s.Pause != nil {
			paused = strings.TrimSpace("since " + minute(s.Pause.PausedAt) + " " + s.Pause.Note)
		}
		rows[i] = []string{s.Name, s.Provider, s.Kind, s.Cron, s.Timezone, next, last, paused}
	}
	return printTable(w, []string{"SCHEDULE", "PROVIDER", "KIND", "CRON", "ZONE", "NEXT DUE (UTC)", "LAST DUE (UTC)", "PAUSED"}, rows)
}

// outcomeText is what became of a due time: "skipped: paused".
func outcomeText(t db.Tick) string {
	if t.Reason == "" {
		return t.Outcome
	}
	return t.Outcome + ": " + t.Reason
}

// scheduleTool is a command about one schedule that the running worker carries out.
func (a *app) scheduleTool(use, short, long string, do func(ctx context.Context, name string) error) *cobra.Command {
	return &cobra.Command{
		Use: use + " <schedule>", Short: short, Long: long, Args: one("the schedule's name"),
		RunE: func(c *cobra.Command, args []string) error { return do(c.Context(), args[0]) },
	}
}

func (a *app) schedulesPauseCommand() *cobra.Command {
	var note string
	c := a.scheduleTool("pause", "Have a schedule start nothing until it is resumed",
		`Have a schedule start nothing until it is resumed, also over restarts. Its due times are
recorded as skipped, with the note.`,
		func(ctx context.Context, name string) error {
			if _, err := call[api.OneSchedule](ctx, a, "schedules.pause", api.ScheduleName{Name: name, Note: note}); err != nil {
				return err
			}
			fmt.Fprintf(a.stdout, "%s is paused; resume it with `orderbeat schedules resume %s`\n", name, name)
			return nil
		})
	c.Flags().StringVar(&note, "note", "", "reason, shown with the paused schedule")
	return c
}

func (a *app) schedulesResumeCommand() *cobra.Command {
	return a.scheduleTool("resume", "End a schedule's pause",
		"End a schedule's pause. What was due meanwhile stays skipped.",
		func(ctx context.Context, name string) error {
			reply, err := call[api.OneSchedule](ctx, a, "schedules.resume", api.ScheduleName{Name: name})
			if err != nil {
				return err
			}
			next := "never due"
			if reply.Schedule.NextDue != nil {
				next = "due next at " + second(*reply.Schedule.NextDue) + " UTC"
			}
			fmt.Fprintf(a.stdout, "%s is %s\n", name, next)
			return nil
		})
}

func (a *app) schedulesTriggerCommand() *cobra.Command {
	return a.scheduleTool("trigger", "Start a schedule's run now",
		`Start a schedule's run now, also while it is paused: but for the accounts that still work
at an earlier one, where its overlap is skip. It does not wait for the run.`,
		func(ctx context.Context, name string) error {
			reply, err := call[api.Run](ctx, a, "schedules.trigger", api.ScheduleName{Name: name})
			if err != nil {
				return err
			}
			fmt.Fprintf(a.stdout, "run %s is %s; see `orderbeat runs %s`\n", reply.Run.ID, reply.Run.State, reply.Run.ID)
			return nil
		})
}

func (a *app) schedulesExplainCommand() *cobra.Command {
	var at string
	var asJSON bool
	c := &cobra.Command{
		Use:   "explain <schedule>",
		Short: "Show the due times of a schedule and their outcomes",
		Long: `Show the outcomes of a schedule's due times around a time (now, or --at), and the next due
time. Due times that have passed without a record are shown too. Reads the configuration
and the database.`,
		Example: `  orderbeat schedules explain michelin-recent
  orderbeat schedules explain michelin-recent --at 2026-11-20T06:00:00Z`,
		Args: one("the schedule's name"),
		RunE: func(c *cobra.Command, args []string) error {
			when := time.Now()
			if at != "" {
				var err error
				if when, err = time.Parse(time.RFC3339, at); err != nil {
					return misuse(`--at: %q is not a time such as "2026-01-31T06:00:00Z"`, at)
				}
			}
			conf, err := a.loadWithoutSecrets()
			if err != nil {
				return err
			}
			return a.explain(c.Context(), conf, args[0], when, asJSON)
		},
	}
	c.Flags().StringVar(&at, "at", "", "the time, such as 2026-01-31T06:00:00Z (default now)")
	jsonFlag(c, &asJSON)
	return c
}

// explained is one due time, and what became of it.
type explained struct {
	DueAt   time.Time `json:"due_at"`
	Local   string    `json:"local"`
	Outcome string    `json:"outcome"`
	Reason  string    `json:"reason,omitempty"`
	RunID   string    `json:"run_id,omitempty"`
}

func (a *app) explain(ctx context.Context, conf *config.Config, name string, at time.Time, asJSON bool) error {
	i := slices.IndexFunc(conf.Schedules, func(s config.Schedule) bool { return s.Name == name })
	if i < 0 {
		return misuse("schedule %q not found; `orderbeat schedules` lists all schedules", name)
	}
	database, err := db.OpenReadOnly(ctx, conf.DB.Path)
	if err != nil {
		return err
	}
	defer database.Close()
	list, err := dueTimes(ctx, database, conf.Schedules[i], at)
	if err != nil {
		return err
	}
	pause, paused, err := database.Paused(ctx, name)
	if err != nil {
		return err
	}
	if asJSON {
		reply := map[string]any{"schedule": name, "due": list}
		if paused {
			reply["pause"] = pause
		}
		return printJSON(a.stdout, reply)
	}
	if paused {
		fmt.Fprintln(a.stdout, strings.TrimSpace(name+" is paused since "+minute(pause.PausedAt)+" UTC: "+pause.Note))
	}
	rows := make([][]string, len(list))
	for i, d := range list {
		rows[i] = []string{second(d.DueAt), d.Local, d.Outcome, orDash(d.Reason), orDash(d.RunID)}
	}
	return printTable(a.stdout, []string{"DUE (UTC)", "LOCAL", "OUTCOME", "REASON", "RUN"}, rows)
}

// dueTimes are up to shown due times before at, with what is recorded besides, and as
// many behind it.
func dueTimes(ctx context.Context, database *db.DB, s config.Schedule, at time.Time) ([]explained, error) {
	const shown = 5
	begin := earlier(s, at, shown)
	ticks, err := database.Ticks(ctx, s.Name, begin, at)
	if err != nil {
		return nil, err
	}
	recorded := map[int64]bool{}
	list := []explained{}
	local := func(t time.Time) string { return t.In(s.Location).Format("Mon 2006-01-02 15:04:05 MST") }
	for _, t := range ticks {
		recorded[t.DueAt.Unix()] = true
		list = append(list, explained{DueAt: t.DueAt, Local: local(t.DueAt), Outcome: t.Outcome, Reason: t.Reason, RunID: t.RunID})
	}
	w, err := database.Watermark(ctx, s.Name)
	if err != nil {
		return nil, err
	}
	if w.At().After(at) { // it was not known then
		w = db.Watermark{}
		if n := len(ticks); n > 0 {
			w.Last = &ticks[n-1]
		}
	}
	// An "@every" schedule counts from tick to tick: what was due before is on record, or not known.
	_, counts := s.Cron.(cron.ConstantDelaySchedule)
	for due := s.Cron.Next(begin.Add(-time.Second)); !counts && !due.IsZero() && !due.After(at) && len(list) < 1000; due = s.Cron.Next(due) {
		if !recorded[due.Unix()] {
			list = append(list, explained{DueAt: due.UTC(), Local: local(due), Outcome: "not recorded", Reason: "no worker with this schedule ran, or has looked since"})
		}
	}
	slices.SortFunc(list, func(a, b explained) int { return a.DueAt.Compare(b.DueAt) })
	list = list[max(0, len(list)-2*shown):]
	due, ok := scheduler.NextDue(s.Cron, w, at)
	for n := 0; ok && n < shown; n++ {
		list = append(list, explained{DueAt: due, Local: local(due), Outcome: "due"})
		due = s.Cron.Next(due).UTC()
		ok = !due.IsZero()
	}
	return list, nil
}

// earlier is a moment before at behind which the schedule is due about n times.
func earlier(s config.Schedule, at time.Time, n int) time.Time {
	const longest = 2 * 366 * 24 * time.Hour
	for back := time.Minute; ; back *= 2 {
		begin := at.Add(-back)
		count := 0
		for due := s.Cron.Next(begin); !due.IsZero() && !due.After(at) && count < n; due = s.Cron.Next(due) {
			count++
		}
		if count >= n || back > longest {
			return begin
		}
	}
}
