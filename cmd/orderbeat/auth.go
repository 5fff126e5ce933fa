package main

import (
	"github.com/spf13/cobra"
)

// authCommand is everything about tokens: files auth_*.go.
func (a *app) authCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "auth",
		Short: "See the state of tokens, let users grant access, and put things right",
		Long: `See the state of the tokens that providers are asked with, let users grant access
where tokens belong to users, and put things right after a refusal. No command ever
prints a token or a secret.`,
		Example: `  orderbeat auth status                            every credential: state, life left, failures
  orderbeat auth login mazda --user johndoe        have a user grant access
  orderbeat auth unlatch michelin                  the credentials are right now: try again`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(a.authStatusCommand(), a.authLoginCommand(), a.authLogoutCommand(), a.authIntrospectCommand(), a.authUnlatchCommand(), a.authRekeyCommand())
	return c
}
