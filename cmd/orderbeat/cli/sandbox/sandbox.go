package sandbox

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"orderbeat/cmd/orderbeat/cli"
	"orderbeat/cmd/orderbeat/config"
)

// Command returns the command that runs only the sandbox.
func Command(a *cli.App) *cobra.Command {
	var o config.Sandbox
	c := &cobra.Command{
		Use:   "sandbox",
		Short: "Run only the sandbox of the provider APIs",
		Long: `Run the sandbox of the APIs of all five providers until it is stopped, without a worker and
without a configuration: for a worker elsewhere whose base_url points here. /_sandbox/ lists
the APIs, their credentials, and switches that cause failures.`,
		Example: `  orderbeat sandbox
  orderbeat sandbox --listen 127.0.0.1:9000 --day 1m
  curl 127.0.0.1:8322/_sandbox/`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return runSandbox(c.Context(), a, o) },
	}
	c.Flags().StringVar(&o.Listen, "listen", "127.0.0.1:8322", "address to listen on; port 0: any free port")
	c.Flags().DurationVar(&o.Day, "day", 20*time.Second, "duration of a day of the sample orders")
	return c
}

func runSandbox(ctx context.Context, a *cli.App, o config.Sandbox) error {
	const least = time.Second
	if o.Day < least {
		return cli.Misuse("--day: want %s or more, got %s", least, o.Day)
	}
	stand, err := Start(ctx, o)
	if err != nil {
		return err
	}
	fmt.Fprintf(a.Stdout, "the sandbox listens on http://%s; http://%s/_sandbox/ lists its APIs and switches\n", stand.Address, stand.Address)
	<-ctx.Done()
	return stand.Close()
}
