package orders

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"orderbeat/cmd/orderbeat/cli"
	"orderbeat/worker/api"
)

// ReplayCommand returns the command that republishes events.
func ReplayCommand(a *cli.App) *cobra.Command {
	var o replayOptions
	c := &cobra.Command{
		Use:   "replay",
		Short: "Republish events from the history",
		Long: `Have the running worker republish events from the history, in their original order: for a
subscriber that missed them, or a new one that starts from the beginning. Each event keeps
its ce-id and gets the header Orderbeat-Replay. Without a filter, every event is published.
--since and --until select by when a change was observed.

With --unpublishable, the messages that NATS rejected and that were set aside (table
unpublishable) are published: run it when the stream accepts them again.`,
		Example: `  orderbeat replay --provider michelin --account detroit --since 24h
  orderbeat replay --provider michelin --account detroit --order SO10234567
  orderbeat replay --since 2026-01-01 --until 2026-02-01 --subject backfill.orders
  orderbeat replay --unpublishable`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return replayEvents(c.Context(), a, o) },
	}
	f := c.Flags()
	a.ProviderFlag(c, &o.Provider)
	a.AccountFlag(c, &o.Account)
	cli.SinceFlag(c, &o.Since, "")
	cli.UntilFlag(c, &o.Until)
	f.StringVar(&o.OrderID, "order", "", "only this order, by the supplier's number")
	f.StringVar(&o.Subject, "subject", "", "publish to this subject instead")
	f.BoolVar(&o.Unpublishable, "unpublishable", false, "messages that NATS rejected and that were set aside, of --provider or all")
	for _, other := range []string{"account", "order", "since", "until", "subject"} {
		c.MarkFlagsMutuallyExclusive("unpublishable", other)
	}
	cli.JSONFlag(c, &o.asJSON)
	return c
}

type replayOptions struct {
	api.ReplayEvents
	asJSON bool
}

func replayEvents(ctx context.Context, a *cli.App, o replayOptions) error {
	if err := a.ParsePeriod(&o.Since, &o.Until); err != nil {
		return err
	}
	reply, err := cli.Act[api.Replayed](ctx, a, "events.replay", o.ReplayEvents)
	if err != nil {
		return err
	}
	if o.asJSON {
		return cli.PrintJSON(a.Stdout, reply)
	}
	fmt.Fprintf(a.Stdout, "%s republished, with the header Orderbeat-Replay: %s\n", cli.Count(reply.Events, "event"), reply.ReplayID)
	return nil
}
