package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"orderbeat/jobs"
)

func (a *app) runsCancelCommand() *cobra.Command {
	return &cobra.Command{
		Use: "cancel <run-id>", Short: "End a run, with its jobs that have not ended",
		Long: `Have the running worker end a run with those of its jobs that have not ended. What was
asked already stays as it is.`,
		Args: one("the run's id"),
		RunE: func(c *cobra.Command, args []string) error {
			w, err := a.dialWorker()
			if err != nil {
				return err
			}
			defer w.Close()
			var reply struct {
				Run       jobs.Run `json:"run"`
				Cancelled int      `json:"cancelled"`
			}
			if err := w.ask(c.Context(), "runs.cancel", map[string]string{"run_id": args[0]}, &reply); err != nil {
				return asked(err)
			}
			fmt.Fprintf(a.stdout, "%s is %s: %s cancelled\n", reply.Run.ID, reply.Run.State, count(reply.Cancelled, "job"))
			return nil
		},
	}
}

func (a *app) runsPauseCommand() *cobra.Command {
	var note string
	c := &cobra.Command{
		Use: "pause <run-id>", Short: "Keep back what is left of a run of low priority, such as a backfill",
		Long: `Have the running worker keep back the jobs of a run of low priority that are not on their
way yet. Those that are, end. It stays paused, also over restarts, until it is resumed.`,
		Args: one("the run's id"),
		RunE: func(c *cobra.Command, args []string) error {
			return a.changeRun(c, "runs.pause", map[string]string{"run_id": args[0], "note": note})
		},
	}
	c.Flags().StringVar(&note, "note", "", "why, for whoever finds it paused")
	return c
}

func (a *app) runsResumeCommand() *cobra.Command {
	return &cobra.Command{
		Use: "resume <run-id>", Short: "Let a paused run go on",
		Args: one("the run's id"),
		RunE: func(c *cobra.Command, args []string) error {
			return a.changeRun(c, "runs.resume", map[string]string{"run_id": args[0]})
		},
	}
}

func (a *app) changeRun(c *cobra.Command, endpoint string, request map[string]string) error {
	w, err := a.dialWorker()
	if err != nil {
		return err
	}
	defer w.Close()
	var reply struct {
		Run jobs.Run `json:"run"`
	}
	if err := w.ask(c.Context(), endpoint, request, &reply); err != nil {
		return asked(err)
	}
	fmt.Fprintf(a.stdout, "%s is %s: %d of %s ended\n", reply.Run.ID, stands(reply.Run), reply.Run.Jobs.Ended(), count(reply.Run.Jobs.Total, "job"))
	return nil
}
