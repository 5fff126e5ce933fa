package main

import (
	"context"
	"fmt"
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
	f.StringVar(&o.provider, "provider", "", "only this provider's")
	f.StringVar(&o.account, "account", "", "only this account's")
	f.StringVar(&o.order, "order", "", "only this order's, by the supplier's number")
	f.StringVar(&o.since, "since", "", "only what was observed since then: 24h or 14d ago, or a day like 2026-01-31")
	f.StringVar(&o.until, "until", "", "only what was observed before then, written likewise")
	f.StringVar(&o.subject, "subject", "", "publish to this subject instead of the events' own")
	f.BoolVar(&o.unpublishable, "unpublishable", false, "the messages that NATS refused and that were set aside, of --provider or all")
	for _, other := range []string{"account", "order", "since", "until", "subject"} {
		c.MarkFlagsMutuallyExclusive("unpublishable", other)
	}
	jsonFlag(c, &o.asJSON)
	return c
}

type replayOptions struct {
	provider, account, order, since, until, subject string
	unpublishable, asJSON                           bool
}

// request is what the worker is asked for.
func (o replayOptions) request(now time.Time) (map[string]any, error) {
	request := map[string]any{}
	if o.unpublishable {
		request["unpublishable"] = true
	}
	for _, given := range []struct{ name, value string }{
		{"provider", o.provider},
		{"account", o.account},
		{"order_id", o.order},
		{"subject", o.subject},
	} {
		if given.value != "" {
			request[given.name] = given.value
		}
	}
	for _, bound := range []struct{ name, value string }{{"since", o.since}, {"until", o.until}} {
		if bound.value == "" {
			continue
		}
		t, err := parseSince(bound.name, bound.value, now)
		if err != nil {
			return nil, err
		}
		request[bound.name] = t.UTC().Format(time.RFC3339)
	}
	return request, nil
}

func (a *app) replay(ctx context.Context, o replayOptions) error {
	request, err := o.request(time.Now())
	if err != nil {
		return err
	}
	w, err := a.dialWorker()
	if err != nil {
		return err
	}
	defer w.Close()
	var reply struct {
		ReplayID string `json:"replay_id"`
		Events   int    `json:"events"`
	}
	const patience = 30 * time.Second // the worker's own
	if err := w.askFor(ctx, patience, "events.replay", request, &reply); err != nil {
		return asked(err)
	}
	if o.asJSON {
		return printJSON(a.stdout, reply)
	}
	fmt.Fprintf(a.stdout, "%s are published again, with the header Orderbeat-Replay: %s\n", count(reply.Events, "event"), reply.ReplayID)
	return nil
}
