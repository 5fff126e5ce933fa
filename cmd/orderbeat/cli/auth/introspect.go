package auth

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"orderbeat/cmd/orderbeat/cli"
	"orderbeat/worker/api"
)

func introspectCommand(a *cli.App) *cobra.Command {
	var asJSON bool
	c := credentialCommand("introspect", "Ask the provider about the token in hand",
		`Ask the provider's introspection endpoint (RFC 7662) about the token in hand, and print
what it says, never the token. It changes nothing, and it is a hint: providers have
called tokens inactive that worked.`,
		func(ctx context.Context, of api.Credential) error {
			reply, err := cli.Call[api.Introspections](ctx, a, "auth.introspect", of)
			if err != nil {
				return err
			}
			if asJSON {
				return cli.PrintJSON(a.Stdout, reply)
			}
			return printIntrospections(a.Stdout, a.Stderr, reply.Introspections)
		})
	cli.JSONFlag(c, &asJSON)
	return c
}

func printIntrospections(stdout, stderr io.Writer, all []api.Introspection) error {
	succeeded := 0
	for _, i := range all {
		if i.Error != nil {
			fmt.Fprintf(stderr, "%s: %s\n", nameOf(i.Credential), cli.Plain(i.Error.Error()))
			continue
		}
		succeeded++
		fmt.Fprintln(stdout, describe(i))
	}
	switch succeeded {
	case len(all):
		return nil
	case 0:
		return cli.Exit(cli.Failed, nil)
	default:
		return cli.Exit(cli.Partial, nil)
	}
}

// describe formats an introspection as one line.
func describe(i api.Introspection) string {
	if !i.Active {
		return nameOf(i.Credential) + ": the provider says that the token is not active"
	}
	parts := []string{nameOf(i.Credential) + ": the token is active"}
	if !i.ExpiresAt.IsZero() {
		parts = append(parts, "until "+cli.Second(i.ExpiresAt)+" UTC")
	}
	for _, member := range []struct{ name, value string }{{"scope", i.Scope}, {"client", i.ClientID}, {"user", i.Username}} {
		if member.value != "" {
			parts = append(parts, member.name+" "+cli.Plain(member.value))
		}
	}
	return strings.Join(parts, ", ")
}
