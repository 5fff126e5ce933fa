package provider

import (
	"fmt"
	"path/filepath"
	"regexp"

	"github.com/spf13/cobra"

	"orderbeat/clients/declared"
	"orderbeat/cmd/orderbeat/cli"
)

func newCommand(a *cli.App) *cobra.Command {
	var output string
	c := &cobra.Command{
		Use:   "new <name>",
		Short: "Write a declaration to start from",
		Long: `Write a declaration that explains every key and works as it is, and print what to add to
config.toml. Existing files are never overwritten.`,
		Example: `  orderbeat provider new acme
  orderbeat provider new acme --output /etc/orderbeat/acme.toml`,
		Args: cli.OneArg("the provider's name"),
		RunE: func(_ *cobra.Command, args []string) error { return writeDeclaration(a, args[0], output) },
	}
	c.Flags().StringVar(&output, "output", "", "the file to write (default <name>.toml)")
	return c
}

// providerName matches valid names of providers in the configuration.
var providerName = regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`)

func writeDeclaration(a *cli.App, name, output string) error {
	if !providerName.MatchString(name) {
		return cli.Misuse("invalid provider name %q: use up to 64 letters, digits, - and _", name)
	}
	if output == "" {
		output = name + ".toml"
	}
	if err := cli.WriteNew(output, declared.Blank(name), "give another file with --output"); err != nil {
		return err
	}
	fmt.Fprintf(a.Stdout, nextSteps, output, name, filepath.ToSlash(output), declared.SecretName(name))
	return nil
}

// nextSteps is printed after the file was written. Its arguments are the file, the provider,
// the path for config.toml and the variable of the secret.
const nextSteps = `# %[1]s is written. Add to config.toml, in the same folder:

[providers.%[2]s]
kind        = "declared"
declaration = %[3]q   # relative to the folder of config.toml
environment = "production"
# base_url  = "https://api.example.com"   # instead of the declaration's
api_key     = "env:%[4]s"

[[providers.%[2]s.accounts]]
name     = "main"
bill_to  = "1000001"
timezone = "UTC"

[[schedules]]
name     = "%[2]s-recent"
cron     = "*/15 * * * *"
provider = "%[2]s"
kind     = "sync"
params   = { lookback = "14d" }

# Then:
#   export %[4]s=...
#   orderbeat check                               check it (it works unchanged)
#   orderbeat provider try %[2]s                  send one request, show the orders
#   orderbeat provider try %[2]s --save-sample    save the response as a sample for check
#   orderbeat run
`
