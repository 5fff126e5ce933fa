package status

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"orderbeat/clients"
	"orderbeat/cmd/orderbeat/cli"
	"orderbeat/db"
	"orderbeat/db/alerts"
)

type alertOptions struct {
	provider, account, code, since string

	all    bool
	limit  int
	asJSON bool
}

// AlertsCommand returns the command alerts.
func AlertsCommand(a *cli.App) *cobra.Command {
	var o alertOptions
	c := &cobra.Command{
		Use:   "alerts",
		Short: "List alerts and what to do about them",
		Long: `List the raised alerts with what to do about each, newest first; with --all also the latest
ones that were resolved. Reads the database; no worker needs to run. --since selects by
when an alert was raised.`,
		Example: `  orderbeat alerts
  orderbeat alerts --provider michelin --all`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if err := cli.CheckList(o.limit, "code", o.code, alerts.Codes); err != nil {
				return err
			}
			since, err := a.ParseSince("since", o.since)
			if err != nil {
				return err
			}
			return a.ReadDatabase(c.Context(), func(database *db.DB) error {
				list, err := database.Alerts(c.Context(), !o.all)
				if err != nil {
					return err
				}
				list = slices.DeleteFunc(list, func(alert alerts.Alert) bool { return o.excludes(alert) || alert.Since.Before(since) })
				if err := a.CheckFound(len(list), o.provider, o.account); err != nil {
					return err
				}
				return printAlerts(a, list, o)
			})
		},
	}
	a.ProviderFlag(c, &o.provider)
	a.AccountFlag(c, &o.account)
	cli.ChoiceFlag(c, &o.code, "code", "only this code", alerts.Codes)
	c.Flags().BoolVar(&o.all, "all", false, "also resolved alerts")
	cli.SinceFlag(c, &o.since, "")
	cli.LimitFlag(c, &o.limit, 100)
	cli.JSONFlag(c, &o.asJSON)
	return c
}

func (o alertOptions) excludes(a alerts.Alert) bool {
	return o.provider != "" && a.Provider != o.provider || o.account != "" && a.Account != o.account || o.code != "" && a.Code != clients.Code(o.code)
}

func printAlerts(a *cli.App, list []alerts.Alert, o alertOptions) error {
	if more := len(list) - o.limit; more > 0 {
		list = list[:o.limit]
		fmt.Fprintf(a.Stderr, "%d more; see --limit\n", more)
	}
	if o.asJSON {
		return cli.PrintJSON(a.Stdout, map[string]any{"alerts": list})
	}
	if len(list) == 0 {
		fmt.Fprintln(a.Stderr, "no alerts")
		return nil
	}
	for _, alert := range list {
		printAlert(a, alert)
	}
	return nil
}

// printAlert prints an alert, and below it what to do.
func printAlert(a *cli.App, alert alerts.Alert) {
	names := slices.DeleteFunc([]string{alert.Provider, alert.Account, alert.User}, func(s string) bool { return s == "" })
	subject := strings.Join(names, "/")
	w := a.Stdout
	fmt.Fprintf(w, "%s  ", a.Minute(alert.Since))
	cli.PrintState(w, alert.State)
	fmt.Fprintf(w, "%*s  %s  %s: %s\n", len(alerts.AlertResolved)-len(alert.State), "", alert.Code, cli.Plain(subject), cli.Plain(alert.Message))
	for _, line := range []string{alert.Hint, alert.Link} {
		if line != "" {
			fmt.Fprintf(w, "  %s\n", cli.Plain(line))
		}
	}
}
