package runs

import (
	"fmt"

	"github.com/spf13/cobra"

	"orderbeat/cmd/orderbeat/cli"
	"orderbeat/worker/api"
)

func cancelCommand(a *cli.App) *cobra.Command {
	return a.CompleteArg(&cobra.Command{
		Use: "cancel <run-id>", Short: "Cancel a run and its unfinished jobs",
		Long: `Have the running worker cancel a run with its unfinished jobs. Stored results stay.`,
		Args: cli.OneArg("the run's id"),
		RunE: func(c *cobra.Command, args []string) error {
			id, err := a.RunID(c.Context(), args[0])
			if err != nil {
				return err
			}
			reply, err := cli.Act[api.CancelledRun](c.Context(), a, "runs.cancel", api.RunID{RunID: id})
			if err != nil {
				return err
			}
			fmt.Fprintf(a.Stdout, "%s is %s: %s cancelled\n", reply.Run.ID, reply.Run.State, cli.Count(reply.Cancelled, "job"))
			return nil
		},
	}, a.RecentRuns)
}

func pauseCommand(a *cli.App) *cobra.Command {
	var note string
	c := &cobra.Command{
		Use: "pause <run-id>", Short: "Pause a low-priority run, such as a backfill",
		Long: `Have the running worker hold the queued jobs of a low-priority run. Running jobs finish. The
run stays paused, also across restarts, until it is resumed.`,
		Args: cli.OneArg("the run's id"),
		RunE: func(c *cobra.Command, args []string) error {
			return changeRun(a, c, "runs.pause", api.RunNote{RunID: args[0], Note: note})
		},
	}
	c.Flags().StringVar(&note, "note", "", "reason, shown with the paused run")
	return a.CompleteArg(c, a.RecentRuns)
}

func resumeCommand(a *cli.App) *cobra.Command {
	return a.CompleteArg(&cobra.Command{
		Use: "resume <run-id>", Short: "Resume a paused run",
		Args: cli.OneArg("the run's id"),
		RunE: func(c *cobra.Command, args []string) error {
			return changeRun(a, c, "runs.resume", api.RunNote{RunID: args[0]})
		},
	}, a.RecentRuns)
}

func changeRun(a *cli.App, c *cobra.Command, endpoint string, request api.RunNote) error {
	var err error
	if request.RunID, err = a.RunID(c.Context(), request.RunID); err != nil {
		return err
	}
	reply, err := cli.Act[api.Run](c.Context(), a, endpoint, request)
	if err != nil {
		return err
	}
	fmt.Fprintf(a.Stdout, "%s is %s: %d of %s ended\n", reply.Run.ID, stateOfRun(reply.Run), reply.Run.Jobs.Ended(), cli.Count(reply.Run.Jobs.Total, "job"))
	return nil
}
