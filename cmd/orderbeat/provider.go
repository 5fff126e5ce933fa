package main

import "github.com/spf13/cobra"

func (a *app) providerCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "provider",
		Short: "Declare a provider, and try it",
		Long: `Add a provider without a line of code: begin with a declaration that works, change it,
check it, and try it with real calls, of which nothing is stored or published.`,
		Example: `  orderbeat provider new acme                       writes acme.toml, and tells what comes next
  orderbeat check                                   is it right?
  orderbeat provider try acme                       one real call, and the orders it maps to
  orderbeat provider try acme --save-sample         ... kept as a sample, which check tries`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(a.providerNewCommand(), a.providerTryCommand())
	return c
}
