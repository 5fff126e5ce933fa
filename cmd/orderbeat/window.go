package main

import "github.com/spf13/cobra"

// windowOptions choose the accounts and the days that a run asks for.
type windowOptions struct {
	accounts []string
	dayRange
	watchOptions
}

func (o *windowOptions) flags(c *cobra.Command, lookback string) {
	f := c.Flags()
	f.StringArrayVar(&o.accounts, "account", nil, "account, may be repeated (default all)")
	f.StringVar(&o.from, "from", "", "first day of the range, such as 2026-01-31")
	f.StringVar(&o.to, "to", "", "last day of the range (default today)")
	f.StringVar(&o.lookback, "lookback", "", lookback)
	o.watchOptions.flags(c)
	c.MarkFlagsMutuallyExclusive("from", "lookback")
	c.MarkFlagsMutuallyExclusive("to", "lookback")
}
