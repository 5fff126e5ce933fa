package diagnostics

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/spf13/cobra"

	"orderbeat/cmd/orderbeat/cli"
)

// HealthCommand returns the command that reports whether the worker is ready.
func HealthCommand(a *cli.App) *cobra.Command {
	var live, leader bool
	c := &cobra.Command{
		Use:   "health",
		Short: "Report whether the worker on this machine is ready",
		Long: `Report whether the worker on this machine is ready, according to /readyz of its web listener:
exit status 0 if it is, 1 with the reason if it is not. A follower is ready. Intended for
health checks of images without a shell or an HTTP client.`,
		Example: `  orderbeat health            this process leads, or could take over
  orderbeat health --leader   this process leads
  orderbeat health --live     the process runs`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if live && leader {
				return cli.Misuse("--live and --leader exclude each other")
			}
			conf, err := a.LoadPart("web")
			if err != nil {
				return err
			}
			client, err := cli.NewWebClient(conf.Web)
			if err != nil {
				return err
			}
			path := "/readyz"
			switch {
			case live:
				path = "/livez"
			case leader:
				path += "?leader"
			}
			const longest = 15 * time.Second
			ctx, cancel := context.WithTimeout(c.Context(), longest)
			defer cancel()
			status, _, text, err := client.Get(ctx, client.Base+path)
			if err != nil {
				return err
			}
			if status != http.StatusOK {
				return cli.Exit(cli.Failed, errors.New("orderbeat: not ready: "+cli.Plain(text)))
			}
			_, err = fmt.Fprintln(a.Stdout, cli.Plain(text))
			return err
		},
	}
	c.Flags().BoolVar(&live, "live", false, "check only that the process runs")
	c.Flags().BoolVar(&leader, "leader", false, "report a follower as not ready")
	return c
}
