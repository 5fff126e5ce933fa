package diagnostics

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"orderbeat/cmd/orderbeat/cli"
	"orderbeat/worker/bus"
)

// EnvCommand returns the command that prints the environment of the nats command line tool.
func EnvCommand(a *cli.App) *cobra.Command {
	return &cobra.Command{
		Use:   "env",
		Short: "Print the environment for the nats command line tool",
		Long: `Print shell commands that set NATS_URL, credentials and certificates for the nats command
line tool, as configured, and unset those of another server. The output contains the
password or token.`,
		Example: `  eval "$(orderbeat env)"
  nats sub 'orderbeat.orders.>'`,
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			conf, err := a.LoadPart("nats")
			if err != nil {
				return err
			}
			text, err := shellEnv(conf.NATS)
			if err != nil {
				return err
			}
			_, err = fmt.Fprint(a.Stdout, text)
			return err
		},
	}
}

// shellEnv returns commands for a POSIX shell.
func shellEnv(c bus.Config) (string, error) {
	server, err := cli.ServerURL(c)
	if err != nil {
		return "", err
	}
	user, password, token, err := c.UserPassword()
	if err != nil {
		return "", cli.MissingPassword(err, server)
	}
	ca, cert, key := c.CA, c.Cert, c.Key
	if c.URL == "" {
		if ca == "" {
			ca = c.Cert
		}
		cert, key = "", "" // the server's own
	}
	var b strings.Builder
	for _, v := range []struct{ name, value string }{
		{"NATS_CONTEXT", ""},
		{"NATS_URL", server},
		{"NATS_USER", user},
		{"NATS_PASSWORD", password.Reveal()},
		{"NATS_TOKEN", token.Reveal()},
		{"NATS_CREDS", c.Creds},
		{"NATS_NKEY", c.NKey},
		{"NATS_CA", ca},
		{"NATS_CERT", cert},
		{"NATS_KEY", key},
	} {
		if v.value == "" {
			fmt.Fprintf(&b, "unset %s\n", v.name)
		} else {
			fmt.Fprintf(&b, "export %s=%s\n", v.name, quoted(v.value))
		}
	}
	if c.TLSFirst {
		b.WriteString("# nats.tls_first: add --tlsfirst to each nats command\n")
	}
	if c.Domain != "" {
		fmt.Fprintf(&b, "# nats.domain: add --js-domain %s to each nats command about streams\n", c.Domain)
	}
	return b.String(), nil
}

// quoted returns text as one word of a POSIX shell.
func quoted(text string) string { return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'" }
