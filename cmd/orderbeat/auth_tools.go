package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"orderbeat/auth"
)

// toolPatience is how long a worker may take that asks a provider: its own 30 s and some.
const toolPatience = 35 * time.Second

// whose names credentials on the command line.
type whose struct {
	Provider string `json:"provider"`
	User     string `json:"user,omitempty"`
}

func (w whose) String() string { return strings.TrimSpace(w.Provider + " " + w.User) }

// tool is a command about a provider's credentials that the running worker carries out.
func (a *app) tool(use, short, long string, do func(ctx context.Context, w *api, of whose) error) *cobra.Command {
	var of whose
	c := &cobra.Command{
		Use: use + " <provider>", Short: short, Long: long, Args: one("the provider"),
		RunE: func(c *cobra.Command, args []string) error {
			of.Provider = args[0]
			w, err := a.dialWorker()
			if err != nil {
				return err
			}
			defer w.Close()
			return asked(do(c.Context(), w, of))
		},
	}
	c.Flags().StringVar(&of.User, "user", "", "whose tokens, where they belong to users")
	return c
}

// dialWorker connects to the running worker.
func (a *app) dialWorker() (*api, error) {
	conf, err := a.loadPart("nats")
	if err != nil {
		return nil, err
	}
	return dial(conf.NATS)
}

func (a *app) authLogoutCommand() *cobra.Command {
	return a.tool("logout", "Drop a credential's tokens, and revoke them at the provider where that can be done",
		`Drop the tokens of a credential, and have the provider revoke them where it has an
endpoint for that. A user must grant access again before anything is asked on their
behalf; the client's own credentials log in again with the next call.`,
		func(ctx context.Context, w *api, of whose) error {
			var reply struct {
				Revoked bool `json:"revoked"`
			}
			if err := w.askFor(ctx, toolPatience, "auth.logout", of, &reply); err != nil {
				return err
			}
			where := "here; the provider has no endpoint to revoke them, where they live until they end"
			if reply.Revoked {
				where = "here and at the provider"
			}
			fmt.Fprintf(a.stdout, "%s: the tokens are dropped %s\n", of, where)
			return nil
		})
}

func (a *app) authUnlatchCommand() *cobra.Command {
	return a.tool("unlatch", "Let refused credentials be tried again",
		`End the cooldown of a provider's credentials and forget their refusals, so that the
next call tries them again. Do it when they are right: providers block addresses that
fail to log in again and again.`,
		func(ctx context.Context, w *api, of whose) error {
			var reply struct {
				Credentials []auth.Status `json:"credentials"`
			}
			if err := w.askFor(ctx, toolPatience, "auth.unlatch", of, &reply); err != nil {
				return err
			}
			for _, st := range reply.Credentials {
				next := "the next call may ask for a token"
				if st.State == auth.StateConsent {
					next = "still, the user must grant access"
				}
				fmt.Fprintf(a.stdout, "%s: %s\n", whose{st.Provider, st.User}, next)
			}
			return nil
		})
}

func (a *app) authRekeyCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "rekey",
		Short: "Seal all stored tokens with a new key",
		Long: `Have the running worker make a new key, seal every stored token with it, and remove the
old key from the file of worker.key. Nobody logs in, and nothing stops meanwhile. A copy
of the database from before needs a copy of the key file from before.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			w, err := a.dialWorker()
			if err != nil {
				return err
			}
			defer w.Close()
			var reply struct {
				Resealed   int `json:"resealed"`
				Unreadable int `json:"unreadable"`
			}
			if err := w.askFor(c.Context(), toolPatience, "auth.rekey", struct{}{}, &reply); err != nil {
				return err
			}
			fmt.Fprintf(a.stdout, "%s sealed with a new key\n", count(reply.Resealed, "credential"))
			if reply.Unreadable > 0 {
				return &exit{partialOnly, fmt.Errorf("%s could not be read before, and cannot be now", count(reply.Unreadable, "credential"))}
			}
			return nil
		},
	}
}
