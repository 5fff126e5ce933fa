package runs

import (
	"github.com/spf13/cobra"

	"orderbeat/cmd/orderbeat/cli"
)

// BackfillCommand returns the command that syncs a long date range at low priority.
func BackfillCommand(a *cli.App) *cobra.Command {
	var o windowOptions
	var newest bool
	c := &cobra.Command{
		Use:   "backfill <provider>",
		Short: "Sync a long date range at low priority, and show progress",
		Long: `Have the running worker sync any date range, in windows that the provider accepts, at low
priority: at most half of the provider's concurrency, one job per account, after schedules
and other runs. Show progress until it ends. Interrupted, the command stops watching; the
run continues, also after a restart of the worker, where it was.

Show its progress later with "orderbeat runs <run-id>"; pause, resume and cancel it with
"orderbeat runs pause", "resume" and "cancel".

Exit status: 0 every job succeeded, 3 some did, 1 none did.`,
		Example: `  orderbeat backfill michelin --from 2024-01-01
  orderbeat backfill michelin --lookback 730d --newest-first --account detroit`,
		Args: cli.OneArg("the provider"),
		RunE: func(c *cobra.Command, args []string) error {
			params, err := o.Params()
			if err != nil {
				return err
			}
			if len(params) == 0 {
				return cli.Misuse("give the date range: --from or --lookback")
			}
			if newest {
				params["order"] = "newest"
			}
			return startAndFollow(c.Context(), a, cli.RunRequest{Provider: args[0], Kind: "backfill", Params: params, Accounts: o.accounts}, o.watchOptions)
		},
	}
	o.flags(c, "range that ends today, like 730d")
	c.Flags().BoolVar(&newest, "newest-first", false, "newest orders first (default oldest first)")
	return c
}
