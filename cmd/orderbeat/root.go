package main

import "github.com/spf13/cobra"

func root(a *app) *cobra.Command {
	root := &cobra.Command{
		Use:   "orderbeat",
		Short: "Sync order status from supplier APIs to SQLite and NATS",
		Long: `Orderbeat syncs order status from supplier APIs, on a schedule or on request, detects
changes, stores orders with their history in SQLite, and publishes changes to NATS.

Exit status: 0 done, 1 failed, 2 usage or configuration error, 3 partly done, 4 stopped
while jobs were running.`,
		Example: `  orderbeat check                        check the configuration, show what would run
  orderbeat run                          run the worker
  orderbeat sync michelin                sync now, show progress
  orderbeat orders --late                orders that are late
  orderbeat order PO-104233              one order with its history
  orderbeat auth status                  token state, last error
  orderbeat doctor                       test every credential
  orderbeat provider new acme            declare a provider`,
		SilenceErrors: true,
		SilenceUsage:  true,
		CompletionOptions: cobra.CompletionOptions{
			HiddenDefaultCmd: true,
		},
	}
	root.PersistentFlags().StringVar(&a.configPath, "config", "", "configuration file (default $ORDERBEAT_CONFIG, else ./config.toml)")
	root.AddCommand(
		runCommand(a),
		checkCommand(a),
		sandboxCommand(a),
		syncCommand(a),
		backfillCommand(a),
		ordersCommand(a),
		orderCommand(a),
		runsCommand(a),
		jobsCommand(a),
		schedulesCommand(a),
		replayCommand(a),
		remapCommand(a),
		exchangesCommand(a),
		providerCommand(a),
		authCommand(a),
		dbCommand(a),
		doctorCommand(a),
		envCommand(a),
		healthCommand(a),
		versionCommand(a),
	)
	return root
}
