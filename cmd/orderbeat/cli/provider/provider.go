package provider

import (
	"github.com/spf13/cobra"

	"orderbeat/cmd/orderbeat/cli"
)

// Command returns the command provider with its subcommands.
func Command(a *cli.App) *cobra.Command {
	return cli.Group(&cobra.Command{
		Use:   "provider",
		Short: "Declare a provider and try it",
		Long: `Add a provider without writing code: start with a working declaration, change it, check it,
and try it with real requests. Nothing is stored or published.`,
		Example: `  orderbeat provider new acme                       write acme.toml and print the next steps
  orderbeat check                                   check it
  orderbeat provider try acme                       send one request and show the orders
  orderbeat provider try acme --save-sample         save the response as a sample for check`,
	}, newCommand(a), tryCommand(a))
}
