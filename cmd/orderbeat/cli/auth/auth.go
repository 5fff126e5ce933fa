package auth

import (
	"github.com/spf13/cobra"

	"orderbeat/cmd/orderbeat/cli"
)

// Command returns the command auth with its subcommands.
func Command(a *cli.App) *cobra.Command {
	return cli.Group(&cobra.Command{
		Use:   "auth",
		Short: "Show tokens, let users grant access, and repair credentials",
		Long: `Show the state of the tokens that Orderbeat uses for providers, let users grant access
where tokens belong to users, and resume after a rejection. No command prints a token or
a secret.`,
		Example: `  orderbeat auth status                            every credential: state, lifetime, failures
  orderbeat auth login mazda --user johndoe        let a user grant access
  orderbeat auth unlatch michelin                  the credentials are correct now: retry`,
	}, statusCommand(a), loginCommand(a), logoutCommand(a), introspectCommand(a), unlatchCommand(a), rekeyCommand(a))
}
