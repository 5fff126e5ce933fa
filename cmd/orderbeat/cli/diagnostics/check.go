package diagnostics

import (
	"time"

	"github.com/spf13/cobra"

	"orderbeat/cmd/orderbeat/cli"
)

// dueShown is the number of due times shown per schedule.
const dueShown = 5

// CheckCommand returns the command that checks the configuration.
func CheckCommand(a *cli.App) *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:   "check",
		Short: "Check the configuration and show what would run",
		Long: `Check the whole configuration, including secrets, and show the providers, their accounts
and the next five due times of each schedule. The samples of declared providers are tried.
Every mistake is reported with its line and column. No connection is opened and no file
is created.`,
		Example: `  orderbeat check
  orderbeat check --config /etc/orderbeat/config.toml --json`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			conf, err := a.Load()
			if err != nil {
				return err
			}
			samples, err := conf.CheckSamples(c.Context())
			if c.Context().Err() != nil {
				return err
			}
			if err != nil {
				return cli.Exit(cli.Usage, err)
			}
			report := checked(conf, samples, time.Now())
			if asJSON {
				return cli.PrintJSON(a.Stdout, report)
			}
			return report.print(a.Stdout)
		},
	}
	cli.JSONFlag(c, &asJSON)
	return c
}
