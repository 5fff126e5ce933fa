package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"orderbeat/auth"
	"orderbeat/worker/api"
)

// nameOf names credentials on the command line.
func nameOf(c api.Credential) string { return strings.TrimSpace(c.Provider + " " + c.User) }

// credentialCommand is a command about a provider's credentials that the running worker carries out.
func credentialCommand(a *app, use, short, long string, do func(ctx context.Context, of api.Credential) error) *cobra.Command {
	var of api.Credential
	c := &cobra.Command{
		Use: use + " <provider>", Short: short, Long: long, Args: one("the provider"),
		RunE: func(c *cobra.Command, args []string) error {
			of.Provider = args[0]
			return do(c.Context(), of)
		},
	}
	c.Flags().StringVar(&of.User, "user", "", "the user, where tokens belong to users")
	return c
}

func authLogoutCommand(a *app) *cobra.Command {
	return credentialCommand(a, "logout", "Drop a credential's tokens, and revoke them at the provider where that can be done",
		`Drop the tokens of a credential, and have the provider revoke them where it has an
endpoint for that. A user must grant access again before anything is asked on their
behalf; the client's own credentials log in again with the next call.`,
		func(ctx context.Context, of api.Credential) error {
			reply, err := call[api.LoggedOut](ctx, a, "auth.logout", of)
			if err != nil {
				return err
			}
			where := "here; the provider has no endpoint to revoke them, where they live until they end"
			if reply.Revoked {
				where = "here and at the provider"
			}
			fmt.Fprintf(a.stdout, "%s: tokens deleted %s\n", nameOf(of), where)
			return nil
		})
}

func authUnlatchCommand(a *app) *cobra.Command {
	return credentialCommand(a, "unlatch", "Let refused credentials be tried again",
		`End the cooldown of a provider's credentials and forget their refusals, so that the
next call tries them again. Do it when they are right: providers block addresses that
fail to log in again and again.`,
		func(ctx context.Context, of api.Credential) error {
			reply, err := call[api.Credentials](ctx, a, "auth.unlatch", of)
			if err != nil {
				return err
			}
			for _, st := range reply.Credentials {
				next := "the next call may ask for a token"
				if st.State == auth.StateConsent {
					next = "still, the user must grant access"
				}
				fmt.Fprintf(a.stdout, "%s: %s\n", nameOf(api.Credential{Provider: st.Provider, User: st.User}), next)
			}
			return nil
		})
}

func authRekeyCommand(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "rekey",
		Short: "Seal all stored tokens with a new key",
		Long: `Have the running worker create a new key, seal every stored token with it, and remove the
old key from the file of worker.key. No login is needed, and nothing stops meanwhile. An
older copy of the database needs the key file of its time.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			reply, err := call[api.Rekeyed](c.Context(), a, "auth.rekey", struct{}{})
			if err != nil {
				return err
			}
			fmt.Fprintf(a.stdout, "%s sealed with a new key\n", count(reply.Resealed, "credential"))
			if reply.Unreadable > 0 {
				return exit(partialOnly, fmt.Errorf("%s could not be read, before and now", count(reply.Unreadable, "credential")))
			}
			return nil
		},
	}
}
