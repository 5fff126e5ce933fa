package runs

import (
	"github.com/spf13/cobra"

	"orderbeat/cmd/orderbeat/cli"
	"orderbeat/jobs"
)

// StartCommands returns the commands that start a run of a kind, and show its progress.
func StartCommands(a *cli.App) []*cobra.Command {
	return []*cobra.Command{syncCommand(a), fetchCommand(a), trackCommand(a), backfillCommand(a), despatchCommand(a), invoiceCommand(a)}
}

// A starter describes a command that starts runs of a kind. command adds what all of them share.
type starter struct {
	kind, short, long, example string
	args                       cobra.PositionalArgs // nil: the provider only
	use                        string               // after the provider
	flags                      func(c *cobra.Command)
	params                     func(args []string) (map[string]any, error)
}

func (s starter) command(a *cli.App) *cobra.Command {
	var o watchOptions
	var accounts []string
	c := &cobra.Command{
		Use:   s.kind + " <provider>" + s.use,
		Short: s.short,
		Long: s.long + `

If it is interrupted, the command stops watching and the run continues: see "orderbeat runs".

Exit status: 0 every job succeeded, 3 some did, 1 none did.`,
		Example: s.example,
		Args:    s.args,
		RunE: func(c *cobra.Command, args []string) error {
			params, err := s.params(args[1:])
			if err != nil {
				return err
			}
			return startAndFollow(c.Context(), a, "runs.start", cli.RunRequest{Provider: args[0], Kind: s.kind, Params: params, Accounts: accounts}, o)
		},
	}
	if s.args == nil {
		c.Args = cli.OneArg("the provider")
	}
	a.AccountsFlag(c, &accounts)
	s.flags(c)
	o.flags(c)
	return a.CompleteProvider(c)
}

// overDays is a starter over a date range.
func overDays(s starter, lookback string) starter {
	var days cli.DayRange
	s.flags = func(c *cobra.Command) { days.Flags(c, lookback) }
	s.params = func([]string) (map[string]any, error) { return days.Params() }
	return s
}

func syncCommand(a *cli.App) *cobra.Command {
	return overDays(starter{
		kind: "sync", short: "Sync the orders of a date range, and show progress",
		long: `Have the running worker sync the orders of a date range, and show progress until it ends.
Days are in each account's time zone, both ends included.`,
		example: `  orderbeat sync michelin
  orderbeat sync michelin --account detroit --lookback 30d
  orderbeat sync michelin --from 2026-01-01 --to 2026-03-31 --json`,
	}, "window that ends today, like 14d (default 14d)").command(a)
}

func despatchCommand(a *cli.App) *cobra.Command {
	return overDays(starter{
		kind: "despatch", short: "Fetch the despatch advices of a date range, and show progress",
		long: `Have the running worker fetch the despatch advices of a range of despatch dates, link them to
their orders, and show progress until it ends. The provider must support despatch advices.`,
		example: `  orderbeat despatch michelin
  orderbeat despatch michelin --account detroit --lookback 30d`,
	}, "window that ends today, like 14d (default 4d)").command(a)
}

func invoiceCommand(a *cli.App) *cobra.Command {
	return overDays(starter{
		kind: "invoice", short: "Fetch the invoices of a date range, and show progress",
		long: `Have the running worker fetch the invoices of a range of issue dates, link them to their
orders, and show progress until it ends. The provider must support invoices.`,
		example: `  orderbeat invoice michelin
  orderbeat invoice michelin --from 2026-01-01 --to 2026-01-31`,
	}, "window that ends today, like 14d (default 7d)").command(a)
}

func backfillCommand(a *cli.App) *cobra.Command {
	var days cli.DayRange
	var newest bool
	return starter{
		kind: "backfill", short: "Sync a long date range at low priority, and show progress",
		long: `Have the running worker sync any date range, in windows that the provider accepts, at low
priority: at most half of the provider's concurrency, one job per account, after schedules
and other runs. Show progress until it ends. After a restart of the worker the run continues
where it stopped. Pause, resume and cancel it with "orderbeat runs pause", "resume" and
"cancel".`,
		example: `  orderbeat backfill michelin --from 2024-01-01
  orderbeat backfill michelin --lookback 730d --newest-first --account detroit`,
		flags: func(c *cobra.Command) {
			days.Flags(c, "range that ends today, like 730d")
			c.Flags().BoolVar(&newest, "newest-first", false, "newest orders first (default oldest first)")
		},
		params: func([]string) (map[string]any, error) {
			params, err := days.Params()
			if err == nil && len(params) == 0 {
				err = cli.Misuse("give the date range: --from or --lookback")
			}
			if newest {
				params["order"] = "newest"
			}
			return params, err
		},
	}.command(a)
}

func fetchCommand(a *cli.App) *cobra.Command {
	var references []string
	return starter{
		kind: "fetch", short: "Fetch single orders by number, and show progress",
		long: `Have the running worker request single orders from the provider, by the supplier's numbers
or by your own (--reference), and show progress until it ends. Each order is requested for
every account, or for those of --account. The provider must support such requests.

To see one order as the provider reports it now, use "orderbeat order --live".`,
		example: `  orderbeat fetch michelin SO10234567 SO10234568
  orderbeat fetch michelin --reference PO-104233 --account detroit`,
		use: " [order-id...]", args: cobra.MinimumNArgs(1),
		flags: func(c *cobra.Command) {
			c.Flags().StringArrayVar(&references, "reference", nil, "your own number of an order (PO), may be repeated")
		},
		params: func(ids []string) (map[string]any, error) {
			params := map[string]any{}
			if len(ids) > 0 {
				params["order_ids"] = ids
			}
			if len(references) > 0 {
				params["references"] = references
			}
			if len(params) == 0 {
				return nil, cli.Misuse("give the supplier's order numbers, or --reference")
			}
			return params, nil
		},
	}.command(a)
}

func trackCommand(a *cli.App) *cobra.Command {
	var olderThan, maxAge string
	return starter{
		kind: "track", short: "Fetch open orders that are too old for sync, and show progress",
		long: `Have the running worker request by number the open orders that the windows of sync no longer
reach, and show progress until it ends. The provider must support requests for single
orders.`,
		example: `  orderbeat track michelin
  orderbeat track michelin --older-than 7d --max-age 730d --account detroit`,
		flags: func(c *cobra.Command) {
			c.Flags().StringVar(&olderThan, "older-than", "", "only orders older than this, like 14d (default 14d)")
			c.Flags().StringVar(&maxAge, "max-age", "", "only orders up to this age, like 365d (default 365d)")
		},
		params: func([]string) (map[string]any, error) {
			params := map[string]any{}
			for _, f := range []struct{ flag, member, value string }{{"older-than", "older_than", olderThan}, {"max-age", "max_age", maxAge}} {
				if f.value == "" {
					continue
				}
				if _, err := jobs.ParseDuration(f.value); err != nil {
					return nil, cli.Misuse("--%s: %v", f.flag, err)
				}
				params[f.member] = f.value
			}
			return params, nil
		},
	}.command(a)
}
