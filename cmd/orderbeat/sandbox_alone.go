package main

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"orderbeat/cmd/orderbeat/config"
)

func (a *app) sandboxCommand() *cobra.Command {
	var o config.Sandbox
	c := &cobra.Command{
		Use:   "sandbox",
		Short: "Run the stand-ins for the providers' APIs alone",
		Long: `Run the stand-ins for the APIs of all five providers until stopped, without a worker and
without a configuration: for a worker elsewhere whose base_url leads here, which so can
be stopped and killed while its suppliers go on. /_sandbox/ tells what there is, with
the credentials, and has the switches for faults.`,
		Example: `  orderbeat sandbox
  orderbeat sandbox --listen 127.0.0.1:9000 --day 1m
  curl 127.0.0.1:8322/_sandbox/`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return a.sandboxAlone(c.Context(), o) },
	}
	c.Flags().StringVar(&o.Listen, "listen", "127.0.0.1:8322", "address to listen on; port 0 is any that is free")
	c.Flags().DurationVar(&o.Day, "day", 20*time.Second, "how long a day of the orders is")
	return c
}

func (a *app) sandboxAlone(ctx context.Context, o config.Sandbox) error {
	const least = time.Second
	if o.Day < least {
		return misuse("--day: want %s or more, got %s", least, o.Day)
	}
	stand, err := startStandIns(ctx, o)
	if err != nil {
		return err
	}
	fmt.Fprintf(a.stdout, "the stand-ins listen on http://%s; http://%s/_sandbox/ tells what there is\n", stand.address, stand.address)
	<-ctx.Done()
	return stand.Close()
}
