package main

import (
	"time"

	"github.com/spf13/cobra"
)

// dueShown is how many due times of a schedule are shown.
const dueShown = 5

func checkCommand(a *app) *cobra.Command {
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
			conf, err := a.load()
			if err != nil {
				return err
			}
			samples, err := conf.CheckSamples(c.Context())
			if c.Context().Err() != nil {
				return err
			}
			if err != nil {
				return exit(usage, err)
			}
			report := checked(conf, samples, time.Now())
			if asJSON {
				return printJSON(a.stdout, report)
			}
			return report.print(a.stdout)
		},
	}
	jsonFlag(c, &asJSON)
	return c
}
