package main

import (
	"github.com/spf13/cobra"

	"orderbeat/clients"
	"orderbeat/jobs"
)

func (a *app) syncCommand() *cobra.Command {
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
		Args: one("the provider to ask"),
		RunE: func(c *cobra.Command, args []string) error {
			params, err := o.params()
			if err != nil {
				return err
			}
			return a.askAndWatch(c.Context(), runRequest{args[0], "sync", params, o.accounts}, o.watchOptions)
		},
	}
	o.flags(c, "window that ends today, like 14d (default 14d)")
	return c
}

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

// dayRange are the days that a run asks for, as they are given.
type dayRange struct{ from, to, lookback string }

// params are those of a window.
func (o dayRange) params() (map[string]string, error) {
	given := map[string]string{}
	for _, end := range []struct{ name, day string }{{"from", o.from}, {"to", o.to}} {
		if end.day == "" {
			continue
		}
		if _, err := clients.ParseDate(end.day); err != nil {
			return nil, misuse("--%s: %v", end.name, err)
		}
		given[end.name] = end.day
	}
	if o.to != "" && o.from == "" {
		return nil, misuse("--to needs --from")
	}
	if o.lookback != "" {
		if _, err := jobs.ParseDuration(o.lookback); err != nil {
			return nil, misuse("--lookback: %v", err)
		}
		given["lookback"] = o.lookback
	}
	return given, nil
}
