package auth

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"orderbeat/auth"
	"orderbeat/cmd/orderbeat/cli"
	"orderbeat/worker/api"
)

// nameOf returns the name of a credential as shown by commands.
func nameOf(c api.Credential) string { return strings.TrimSpace(c.Provider + " " + c.User) }

// credentialCommand returns a command about a provider's credentials; the running worker executes it.
func credentialCommand(a *cli.App, use, short, long string, do func(ctx context.Context, of api.Credential) error) *cobra.Command {
	var of api.Credential
	c := &cobra.Command{
		Use: use + " <provider>", Short: short, Long: long, Args: cli.OneArg("the provider"),
		RunE: func(c *cobra.Command, args []string) error {
			of.Provider = args[0]
			return do(c.Context(), of)
		},
	}
	c.Flags().StringVar(&of.User, "user", "", "the user, where tokens belong to users")
	return a.CompleteProvider(c)
}

func logoutCommand(a *cli.App) *cobra.Command {
	return credentialCommand(a, "logout", "Delete a credential's tokens and revoke them at the provider",
		`Delete the tokens of a credential, and revoke them at the provider if it has a revocation
endpoint. A user must grant access again before requests on their behalf; client
credentials log in again with the next call.`,
		func(ctx context.Context, of api.Credential) error {
			reply, err := cli.Act[api.LoggedOut](ctx, a, "auth.logout", of)
			if err != nil {
				return err
			}
			where := "here; the provider has no revocation endpoint: they stay valid there until they expire"
			if reply.Revoked {
				where = "here and at the provider"
			}
			fmt.Fprintf(a.Stdout, "%s: tokens deleted %s\n", nameOf(of), where)
			return nil
		})
}

func unlatchCommand(a *cli.App) *cobra.Command {
	return credentialCommand(a, "unlatch", "Retry rejected credentials",
		`End the cooldown of a provider's credentials and clear their rejections, so that the next
call tries them again. Correct them first: providers block addresses whose logins fail
repeatedly.`,
		func(ctx context.Context, of api.Credential) error {
			reply, err := cli.Act[api.Credentials](ctx, a, "auth.unlatch", of)
			if err != nil {
				return err
			}
			for _, st := range reply.Credentials {
				next := "the next call may request a token"
				if st.State == auth.StateConsent {
					next = "the user must still grant access"
				}
				fmt.Fprintf(a.Stdout, "%s: %s\n", nameOf(api.Credential{Provider: st.Provider, User: st.User}), next)
			}
			return nil
		})
}

func rekeyCommand(a *cli.App) *cobra.Command {
	return &cobra.Command{
		Use:   "rekey",
		Short: "Seal all stored tokens with a new key",
		Long: `Have the running worker create a new key, seal every stored token with it, and remove the
old key from the file of worker.key. No login is needed, and the worker keeps running. An
older copy of the database needs a copy of the key file from the same time.

Processes on one external NATS share their tokens: copy the file to the other machines at
once.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			reply, err := cli.Act[api.Rekeyed](c.Context(), a, "auth.rekey", struct{}{})
			if err != nil {
				return err
			}
			fmt.Fprintf(a.Stdout, "%s sealed with a new key\n", cli.Count(reply.Resealed, "credential"))
			if conf, err := a.LoadPart("nats"); err == nil && conf.NATS.URL != "" {
				fmt.Fprintln(a.Stderr, "note: copy the worker's file of worker.key to the other machines that use this NATS; until then they cannot read the tokens")
			}
			if reply.Unreadable > 0 {
				return cli.Exit(cli.Partial, fmt.Errorf("%s could not be decrypted and were left unchanged", cli.Count(reply.Unreadable, "credential")))
			}
			return nil
		},
	}
}
