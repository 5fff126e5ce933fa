package main

import (
	"time"

	"github.com/spf13/cobra"

	"orderbeat/cmd/orderbeat/cli"
	"orderbeat/cmd/orderbeat/cli/auth"
	"orderbeat/cmd/orderbeat/cli/database"
	"orderbeat/cmd/orderbeat/cli/diagnostics"
	"orderbeat/cmd/orderbeat/cli/exchanges"
	"orderbeat/cmd/orderbeat/cli/notify"
	"orderbeat/cmd/orderbeat/cli/orders"
	"orderbeat/cmd/orderbeat/cli/provider"
	"orderbeat/cmd/orderbeat/cli/reload"
	"orderbeat/cmd/orderbeat/cli/reports"
	"orderbeat/cmd/orderbeat/cli/runs"
	"orderbeat/cmd/orderbeat/cli/sandbox"
	"orderbeat/cmd/orderbeat/cli/schedules"
	"orderbeat/cmd/orderbeat/cli/schema"
	"orderbeat/cmd/orderbeat/cli/setup"
	"orderbeat/cmd/orderbeat/cli/status"
)

func root(a *cli.App) *cobra.Command {
	root := &cobra.Command{
		Use:   "orderbeat",
		Short: "Sync order status from supplier APIs to SQLite and NATS",
		Long: `Orderbeat syncs order status from supplier APIs, on a schedule or on request, detects
changes, stores orders with their history in SQLite, and publishes changes to NATS.

Exit status: 0 done, 1 failed, 2 usage or configuration error, 3 partly done, 4 stopped
while jobs were running.`,
		Example: `  orderbeat init                         write a configuration to start from
  orderbeat check                        check the configuration, show what would run
  orderbeat run                          run the worker
  orderbeat status                       what is wrong now and what to do
  orderbeat sync michelin                sync now, show progress
  orderbeat orders --late                orders that are late
  orderbeat order PO-104233              one order with its history
  orderbeat auth status                  token state, last error
  orderbeat doctor                       test every credential
  orderbeat provider new acme            declare a provider`,
		SilenceErrors: true,
		SilenceUsage:  true,
		Version:       readBuild().Version,
	}
	root.PersistentFlags().StringVar(&a.ConfigPath, "config", "", "configuration file (default $ORDERBEAT_CONFIG, else ./config.toml, else /etc/orderbeat/config.toml)")
	wide := root.PersistentFlags().Bool("wide", false, "do not shorten tables to the width of the terminal")
	local := root.PersistentFlags().Bool("local", false, "print times in the time zone of this machine (default UTC)")
	root.PersistentPreRun = func(*cobra.Command, []string) {
		if *wide {
			cli.Wide(a.Stdout)
		}
		if *local {
			a.Zone = time.Local
		}
	}
	root.AddCommand(
		setup.Command(a),
		runCommand(a),
		reload.Command(a),
		status.Command(a),
		status.AlertsCommand(a),
		status.ProvidersCommand(a),
		diagnostics.CheckCommand(a),
		sandbox.Command(a),
		orders.ListCommand(a),
		orders.ShowCommand(a),
		reports.Command(a),
		runs.Command(a),
		runs.JobsCommand(a),
		schedules.Command(a),
		orders.ReplayCommand(a),
		runs.RemapCommand(a),
		exchanges.Command(a),
		provider.Command(a),
		auth.Command(a),
		database.Command(a),
		diagnostics.DoctorCommand(a),
		diagnostics.EnvCommand(a),
		notify.Command(a),
		schema.Command(a),
		diagnostics.HealthCommand(a),
		versionCommand(a),
		manCommand(root),
	)
	root.AddCommand(runs.StartCommands(a)...)
	return root
}
