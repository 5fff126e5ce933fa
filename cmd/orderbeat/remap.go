package main

import (
	"context"
	"orderbeat/worker/api"
	"time"

	"github.com/spf13/cobra"
)

func (a *app) remapCommand() *cobra.Command {
	var o remapOptions
	c := &cobra.Command{
		Use:   "remap <provider>",
		Short: "Map kept answers again, asking no provider, and watch",
		Long: `Have the running worker make orders anew of the answers that it has kept, with the mapping
as it is now, and watch until it has. Nobody is asked: the provider may be down. What comes
out as it is stored makes no event; what differs is a change like any other, as of when the
answer came. Of an order only the newest answer counts, and none that is older than what is
stored. Restart the worker with the mapping put right first.

Answers can be mapped again while they are kept as a whole: exchanges = "full" of the
provider, for as long as db.retention says. An order with a value that was hidden when its
answer was kept stays as it is, and is told as a problem. A mapping that asks for the time
of day tells differences that are none.

Exit status: 0 every job succeeded, 3 some did, 1 none did.`,
		Example: `  orderbeat remap acme
  orderbeat remap acme --account main --since 7d
  orderbeat remap michelin --run 01JDC3M3V8S5Y0QZ7W2K4H6N9P --json`,
		Args: one("the provider whose answers are mapped again"),
		RunE: func(c *cobra.Command, args []string) error {
			o.Provider = args[0]
			return a.remap(c.Context(), o)
		},
	}
	f := c.Flags()
	f.StringVar(&o.Account, "account", "", "only this account's")
	f.StringVar(&o.Since, "since", "", "only answers that came since then: 24h or 14d ago, or a day like 2026-01-31")
	f.StringVar(&o.Until, "until", "", "only answers that came before then, written likewise")
	f.StringVar(&o.RunID, "run", "", "only answers to this run")
	f.StringVar(&o.JobID, "job", "", "only answers to this job")
	jsonFlag(c, &o.asJSON)
	return c
}

type remapOptions struct {
	api.Remap
	asJSON bool
}

func (a *app) remap(ctx context.Context, o remapOptions) error {
	if err := sinceAndUntil(&o.Since, &o.Until, time.Now()); err != nil {
		return err
	}
	w, err := a.dialWorker()
	if err != nil {
		return err
	}
	defer w.Close()
	reply, err := callOver[api.Run](ctx, w, "exchanges.remap", o.Remap)
	if err != nil {
		return err
	}
	return a.follow(ctx, w, reply.Run, o.asJSON)
}
