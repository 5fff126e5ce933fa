package main

import (
	"context"
	"fmt"
	"orderbeat/worker/api"
	"time"

	"github.com/spf13/cobra"
)

func (a *app) replayCommand() *cobra.Command {
	var o replayOptions
	c := &cobra.Command{
		Use:   "replay",
		Short: "Publish events of the history again, asking no provider",
		Long: `Have the running worker publish events of the history again, in the order in which they
came about: for a subscriber who missed them, or a new one who begins from the start. Each
keeps its ce-id, and has the header Orderbeat-Replay. Without a filter that is every event
there is. Times are UTC.

With --unpublishable it is the messages that NATS refused and that were set aside (table
unpublishable): run it when the stream takes them again.`,
		Example: `  orderbeat replay --provider michelin --account detroit --since 24h
  orderbeat replay --provider michelin --account detroit --order SO10234567
  orderbeat replay --since 2026-01-01 --until 2026-02-01 --subject backfill.orders
  orderbeat replay --unpublishable`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return a.replay(c.Context(), o) },
	}
	f := c.Flags()
	f.StringVar(&o.Provider, "provider", "", "only this provider's")
	f.StringVar(&o.Account, "account", "", "only this account's")
	f.StringVar(&o.OrderID, "order", "", "only this order's, by the supplier's number")
	f.StringVar(&o.Since, "since", "", "only what was observed since then: 24h or 14d ago, or a day like 2026-01-31")
	f.StringVar(&o.Until, "until", "", "only what was observed before then, written likewise")
	f.StringVar(&o.Subject, "subject", "", "publish to this subject instead of the events' own")
	f.BoolVar(&o.Unpublishable, "unpublishable", false, "the messages that NATS refused and that were set aside, of --provider or all")
	for _, other := range []string{"account", "order", "since", "until", "subject"} {
		c.MarkFlagsMutuallyExclusive("unpublishable", other)
	}
	jsonFlag(c, &o.asJSON)
	return c
}

type replayOptions struct {
	api.ReplayEvents
	asJSON bool
}

func (a *app) replay(ctx context.Context, o replayOptions) error {
	if err := sinceAndUntil(&o.Since, &o.Until, time.Now()); err != nil {
		return err
	}
	reply, err := call[api.Replayed](ctx, a, "events.replay", o.ReplayEvents)
	if err != nil {
		return err
	}
	if o.asJSON {
		return printJSON(a.stdout, reply)
	}
	fmt.Fprintf(a.stdout, "%s are published again, with the header Orderbeat-Replay: %s\n", count(reply.Events, "event"), reply.ReplayID)
	return nil
}

// sinceAndUntil writes two bounds of a time, where they are given, as the worker reads them.
func sinceAndUntil(since, until *string, now time.Time) error {
	for _, bound := range []struct {
		name string
		text *string
	}{{"since", since}, {"until", until}} {
		if *bound.text == "" {
			continue
		}
		t, err := parseSince(bound.name, *bound.text, now)
		if err != nil {
			return err
		}
		*bound.text = t.UTC().Format(time.RFC3339)
	}
	return nil
}
