package runs

import (
	"github.com/spf13/cobra"

	"orderbeat/cmd/orderbeat/cli"
)

// windowOptions are the flags for the accounts and the date range of a run.
type windowOptions struct {
	accounts []string
	cli.DayRange
	watchOptions
}

func (o *windowOptions) flags(c *cobra.Command, lookback string) {
	f := c.Flags()
	f.StringArrayVar(&o.accounts, "account", nil, "account, may be repeated (default all)")
	f.StringVar(&o.From, "from", "", "first day of the range, such as 2026-01-31")
	f.StringVar(&o.To, "to", "", "last day of the range (default today)")
	f.StringVar(&o.Lookback, "lookback", "", lookback)
	o.watchOptions.flags(c)
	c.MarkFlagsMutuallyExclusive("from", "lookback")
	c.MarkFlagsMutuallyExclusive("to", "lookback")
}
