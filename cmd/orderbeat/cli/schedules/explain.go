package schedules

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/robfig/cron/v3"
	"github.com/spf13/cobra"

	"orderbeat/cmd/orderbeat/cli"
	"orderbeat/cmd/orderbeat/config"
	"orderbeat/db"
	"orderbeat/db/schedules"
	"orderbeat/worker/scheduler"
)

func explainCommand(a *cli.App) *cobra.Command {
	var o explainOptions
	c := &cobra.Command{
		Use:   "explain <schedule>",
		Short: "Show the due times of a schedule and their outcomes",
		Long: `Show the outcomes of a schedule's latest due times before a time (now, or --at), and the next
due times after it. --since shows all due times since then, up to --limit. Past due times without
a record are shown too. Reads the configuration and the database.`,
		Example: `  orderbeat schedules explain michelin-recent
  orderbeat schedules explain michelin-recent --since 24h --limit 100
  orderbeat schedules explain michelin-recent --at 2026-11-20T06:00:00Z`,
		Args: cli.OneArg("the schedule's name"),
		RunE: func(c *cobra.Command, args []string) error {
			if err := o.check(a); err != nil {
				return err
			}
			conf, err := a.LoadWithoutSecrets()
			if err != nil {
				return err
			}
			return explainSchedule(c.Context(), a, conf, args[0], o)
		},
	}
	c.Flags().StringVar(&o.atText, "at", "", "the time, such as 2026-01-31T06:00:00Z (default now)")
	cli.SinceFlag(c, &o.sinceText, "")
	cli.LimitFlag(c, &o.limit, 10)
	cli.JSONFlag(c, &o.asJSON)
	return a.CompleteArg(c, a.Schedules)
}

type explainOptions struct {
	atText, sinceText string
	at, since         time.Time // since is zero for the latest due times
	limit             int       // of due times before at
	asJSON            bool
}

func (o *explainOptions) check(a *cli.App) (err error) {
	o.at = time.Now()
	if o.atText != "" {
		if o.at, err = time.Parse(time.RFC3339, o.atText); err != nil {
			return cli.Misuse(`--at: %q is not a time such as "2026-01-31T06:00:00Z"`, o.atText)
		}
	}
	if o.since, err = a.ParseSince("since", o.sinceText); err != nil {
		return err
	}
	const most = 1000
	if o.limit > most {
		return cli.Misuse("--limit must be at most %d, got %d", most, o.limit)
	}
	return cli.CheckLimit(o.limit)
}

// explained is one due time and its outcome.
type explained struct {
	DueAt   time.Time `json:"due_at"`
	Local   string    `json:"local"`
	Outcome string    `json:"outcome"`
	Reason  string    `json:"reason,omitempty"`
	RunID   string    `json:"run_id,omitempty"`
}

func explainSchedule(ctx context.Context, a *cli.App, conf *config.Config, name string, o explainOptions) error {
	i := slices.IndexFunc(conf.Schedules, func(s config.Schedule) bool { return s.Name == name })
	if i < 0 {
		return cli.Misuse("schedule %q not found; `orderbeat schedules` lists all schedules", name)
	}
	database, err := a.OpenDatabase(ctx)
	if err != nil {
		return err
	}
	defer database.Close()
	list, err := dueTimes(ctx, database, conf.Schedules[i], o)
	if err != nil {
		return err
	}
	pause, paused, err := database.Paused(ctx, name)
	if err != nil {
		return err
	}
	if o.asJSON {
		reply := map[string]any{"schedule": name, "due": list}
		if paused {
			reply["pause"] = pause
		}
		return cli.PrintJSON(a.Stdout, reply)
	}
	if paused {
		fmt.Fprintln(a.Stdout, strings.TrimSpace(name+" has been paused since "+a.Minute(pause.PausedAt)+": "+pause.Note))
	}
	rows := make([][]string, len(list))
	for i, d := range list {
		rows[i] = []string{a.Second(d.DueAt), d.Local, d.Outcome, cli.OrDash(d.Reason), cli.OrDash(d.RunID)}
	}
	return cli.PrintTable(a.Stdout, []string{a.Head("DUE"), "IN ITS ZONE", "OUTCOME", "REASON", "RUN"}, rows)
}

// dueTimes returns the latest due times before at, recorded or not, and the next ones after it.
func dueTimes(ctx context.Context, database *db.DB, s config.Schedule, o explainOptions) ([]explained, error) {
	const shown = 5
	at, begin := o.at, o.since
	if begin.IsZero() {
		begin = earlier(s, at, shown)
	}
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
	if w.At().After(at) { // it was recorded later
		w = schedules.Watermark{}
		if n := len(ticks); n > 0 {
			w.Last = &ticks[n-1]
		}
	}
	// An "@every" schedule counts from the last tick: earlier due times are recorded or unknown.
	_, counts := s.Cron.(cron.ConstantDelaySchedule)
	for due := s.Cron.Next(begin.Add(-time.Second)); !counts && !due.IsZero() && !due.After(at) && len(list) < 1000; due = s.Cron.Next(due) {
		if !recorded[due.Unix()] {
			list = append(list, explained{DueAt: due.UTC(), Local: local(due), Outcome: "not recorded", Reason: "no worker with this schedule was running, or none has checked it since"})
		}
	}
	slices.SortFunc(list, func(a, b explained) int { return a.DueAt.Compare(b.DueAt) })
	list = list[max(0, len(list)-o.limit):]
	due, ok := scheduler.NextDue(s.Cron, w, at)
	for n := 0; ok && n < shown; n++ {
		list = append(list, explained{DueAt: due, Local: local(due), Outcome: "due"})
		due = s.Cron.Next(due).UTC()
		ok = !due.IsZero()
	}
	return list, nil
}

// earlier returns a time after which the schedule is due about n times before at.
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
