package auth

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"orderbeat/cmd/orderbeat/cli"
	"orderbeat/worker/api"
)

func introspectCommand(a *cli.App) *cobra.Command {
	var asJSON bool
	c := credentialCommand(a, "introspect", "Introspect the current token at the provider",
		`Query the provider's introspection endpoint (RFC 7662) for the current token, and print
the response, never the token. Nothing is changed. The response is only a hint: providers
have reported working tokens as inactive.`,
		func(ctx context.Context, of api.Credential) error {
			reply, err := cli.Call[api.Introspections](ctx, a, "auth.introspect", of)
			if err != nil {
				return err
			}
			if asJSON {
				return cli.PrintJSON(a.Stdout, reply)
			}
			return printIntrospections(a, reply.Introspections)
		})
	cli.JSONFlag(c, &asJSON)
	return c
}

func printIntrospections(a *cli.App, all []api.Introspection) error {
	succeeded := 0
	for _, i := range all {
		if i.Error != nil {
			fmt.Fprintf(a.Stderr, "%s: %s\n", nameOf(i.Credential), cli.Plain(i.Error.Error()))
			continue
		}
		succeeded++
		fmt.Fprintln(a.Stdout, describe(a, i))
	}
	return cli.ExitOf(succeeded, len(all))
}

// describe formats an introspection as one line.
func describe(a *cli.App, i api.Introspection) string {
	if !i.Active {
		return nameOf(i.Credential) + ": the provider reports the token as inactive"
	}
	parts := []string{nameOf(i.Credential) + ": the token is active"}
	if !i.ExpiresAt.IsZero() {
		parts = append(parts, "until "+a.Moment(i.ExpiresAt))
	}
	for _, member := range []struct{ name, value string }{{"scope", i.Scope}, {"client", i.ClientID}, {"user", i.Username}} {
		if member.value != "" {
			parts = append(parts, member.name+" "+cli.Plain(member.value))
		}
	}
	return strings.Join(parts, ", ")
}
