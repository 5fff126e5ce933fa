package main

import "github.com/spf13/cobra"

// authCommand is everything about tokens: files auth_*.go.
func authCommand(a *app) *cobra.Command {
	c := &cobra.Command{
		Use:   "auth",
		Short: "Show tokens, let users grant access, and repair credentials",
		Long: `Show the state of the tokens that Orderbeat uses for providers, let users grant access
where tokens belong to users, and resume after a rejection. No command prints a token or
a secret.`,
		Example: `  orderbeat auth status                            every credential: state, lifetime, failures
  orderbeat auth login mazda --user johndoe        let a user grant access
  orderbeat auth unlatch michelin                  the credentials are correct now: retry`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(authStatusCommand(a), authLoginCommand(a), authLogoutCommand(a), authIntrospectCommand(a), authUnlatchCommand(a), authRekeyCommand(a))
	return c
}
