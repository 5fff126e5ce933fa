package schedules

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"orderbeat/cmd/orderbeat/cli"
	"orderbeat/worker/api"
)

// scheduleCommand returns a command about one schedule; the running worker executes it.
func scheduleCommand(a *cli.App, use, short, long string, do func(ctx context.Context, name string) error) *cobra.Command {
	return a.CompleteArg(&cobra.Command{
		Use: use + " <schedule>", Short: short, Long: long, Args: cli.OneArg("the schedule's name"),
		RunE: func(c *cobra.Command, args []string) error { return do(c.Context(), args[0]) },
	}, a.Schedules)
}

func pauseCommand(a *cli.App) *cobra.Command {
	var note string
	c := scheduleCommand(a, "pause", "Pause a schedule",
		`Pause a schedule until it is resumed, also across restarts. Its due times are recorded as
skipped, with the note.`,
		func(ctx context.Context, name string) error {
			if _, err := cli.Act[api.OneSchedule](ctx, a, "schedules.pause", api.ScheduleName{Name: name, Note: note}); err != nil {
				return err
			}
			fmt.Fprintf(a.Stdout, "%s is paused; resume it with `orderbeat schedules resume %s`\n", name, name)
			return nil
		})
	c.Flags().StringVar(&note, "note", "", "reason, shown with the paused schedule")
	return c
}

func resumeCommand(a *cli.App) *cobra.Command {
	return scheduleCommand(a, "resume", "Resume a schedule",
		"Resume a paused schedule. Due times during the pause stay skipped.",
		func(ctx context.Context, name string) error {
			reply, err := cli.Act[api.OneSchedule](ctx, a, "schedules.resume", api.ScheduleName{Name: name})
			if err != nil {
				return err
			}
			next := "never due"
			if reply.Schedule.NextDue != nil {
				next = "due next at " + a.Moment(*reply.Schedule.NextDue)
			}
			fmt.Fprintf(a.Stdout, "%s is %s\n", name, next)
			return nil
		})
}

func triggerCommand(a *cli.App) *cobra.Command {
	return scheduleCommand(a, "trigger", "Start a schedule's run now",
		`Start a schedule's run now, also while it is paused. With overlap skip, accounts that are
still in an earlier run are left out. The command does not wait for the run.`,
		func(ctx context.Context, name string) error {
			reply, err := cli.Act[api.Run](ctx, a, "schedules.trigger", api.ScheduleName{Name: name})
			if err != nil {
				return err
			}
			fmt.Fprintf(a.Stdout, "run %s is %s; see `orderbeat runs %s`\n", reply.Run.ID, reply.Run.State, reply.Run.ID)
			return nil
		})
}
