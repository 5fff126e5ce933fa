package main

import "github.com/spf13/cobra"

func (a *app) backfillCommand() *cobra.Command {
	var o windowOptions
	var newest bool
	c := &cobra.Command{
		Use:   "backfill <provider>",
		Short: "Ask a provider for the orders of a long time, behind everything else, and watch",
		Long: `Have the running worker ask a provider for the orders of any range, in windows that the
provider takes, a few at a time and one of each account, so that schedules and other
runs go first. Watch until it has. Interrupted, the command stops watching; the run
goes on, also after the worker was stopped or killed: where it was.

See how far it is with orderbeat runs <run-id>; pause, resume and cancel it with
orderbeat runs pause, resume and cancel.

Exit status: 0 every job succeeded, 3 some did, 1 none did.`,
		Example: `  orderbeat backfill michelin --from 2024-01-01
  orderbeat backfill michelin --lookback 730d --newest-first --account detroit`,
		Args: one("the provider to ask"),
		RunE: func(c *cobra.Command, args []string) error {
			params, err := o.params()
			if err != nil {
				return err
			}
			if len(params) == 0 {
				return misuse("say how far back: --from or --lookback")
			}
			if newest {
				params["order"] = "newest"
			}
			return a.askAndWatch(c.Context(), runRequest{args[0], "backfill", params, o.accounts}, o.watchOptions)
		},
	}
	o.flags(c, "range that ends today, like 730d")
	c.Flags().BoolVar(&newest, "newest-first", false, "ask for the newest orders first (default the oldest)")
	return c
}
