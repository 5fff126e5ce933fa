package runs

import (
	"github.com/spf13/cobra"

	"orderbeat/cmd/orderbeat/cli"
)

// SyncCommand returns the command that syncs the orders of a date range.
func SyncCommand(a *cli.App) *cobra.Command {
	var o windowOptions
	c := &cobra.Command{
		Use:   "sync <provider>",
		Short: "Sync the orders of a date range, and show progress",
		Long: `Have the running worker sync the orders of a date range, and show progress until it ends.
Days are in each account's time zone, both ends included. Interrupted, the command stops
watching; the run continues.

Exit status: 0 every job succeeded, 3 some did, 1 none did.`,
		Example: `  orderbeat sync michelin
  orderbeat sync michelin --account detroit --lookback 30d
  orderbeat sync michelin --from 2026-01-01 --to 2026-03-31 --json`,
		Args: cli.OneArg("the provider"),
		RunE: func(c *cobra.Command, args []string) error {
			params, err := o.Params()
			if err != nil {
				return err
			}
			return startAndFollow(c.Context(), a, cli.RunRequest{Provider: args[0], Kind: "sync", Params: params, Accounts: o.accounts}, o.watchOptions)
		},
	}
	o.flags(c, "window that ends today, like 14d (default 14d)")
	return c
}
