package runs

import (
	"context"

	"github.com/spf13/cobra"

	"orderbeat/cmd/orderbeat/cli"
	"orderbeat/worker/api"
)

// RemapCommand returns the command that re-runs the mapping over recorded responses.
func RemapCommand(a *cli.App) *cobra.Command {
	var o remapOptions
	c := &cobra.Command{
		Use:   "remap <provider>",
		Short: "Re-run the mapping over recorded responses, and show progress",
		Long: `Have the running worker re-run the current mapping over recorded responses, and show
progress until it ends. No request is sent: the provider may be down. An order that maps to
what is stored causes no event; a difference is a change like any other, observed when
the response was received. Only the newest response about an order counts, and only if it is
not older than what is stored. Correct the mapping and restart the worker first.

Responses can be mapped while they are recorded in full (exchanges = "full" of the provider,
for as long as db.retention keeps them). An order with a redacted value stays as it is and
is reported as a problem. A mapping that uses the current time may report false changes.

Exit status: 0 every job succeeded, 3 some did, 1 none did.`,
		Example: `  orderbeat remap acme
  orderbeat remap acme --account main --since 7d
  orderbeat remap michelin --run 01JDC3M3V8S5Y0QZ7W2K4H6N9P --json`,
		Args: cli.OneArg("the provider"),
		RunE: func(c *cobra.Command, args []string) error {
			o.Provider = args[0]
			return remapResponses(c.Context(), a, o)
		},
	}
	a.AccountFlag(c, &o.Account)
	cli.SinceFlag(c, &o.Since, "")
	cli.UntilFlag(c, &o.Until)
	a.RunFlag(c, &o.RunID)
	a.JobFlag(c, &o.JobID)
	o.flags(c)
	return a.CompleteProvider(c)
}

type remapOptions struct {
	api.Remap
	watchOptions
}

func remapResponses(ctx context.Context, a *cli.App, o remapOptions) error {
	if err := a.ParsePeriod(&o.Since, &o.Until); err != nil {
		return err
	}
	var err error
	if o.RunID, err = a.RunID(ctx, o.RunID); err != nil {
		return err
	}
	if o.JobID, err = a.JobID(ctx, o.JobID); err != nil {
		return err
	}
	return startAndFollow(ctx, a, "exchanges.remap", o.Remap, o.watchOptions)
}
