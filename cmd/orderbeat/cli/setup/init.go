package setup

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"orderbeat"
	"orderbeat/cmd/orderbeat/cli"
)

// Command returns the command init.
func Command(a *cli.App) *cobra.Command {
	var provider string
	c := &cobra.Command{
		Use:   "init [path]",
		Short: "Write a configuration to start from",
		Long: `Write a configuration that explains every key and works as it is: it runs NATS inside the
process and a sandbox of the provider's API, and syncs sample orders. path is a file or an
existing folder, ./config.toml by default. An existing file is never overwritten.

With --provider it has only that kind of provider, for the sandbox.`,
		Example: `  orderbeat init
  orderbeat init --provider shell
  orderbeat init /etc/orderbeat`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			path := "config.toml"
			if len(args) == 1 {
				path = args[0]
			}
			return write(a, path, provider)
		},
	}
	c.Flags().StringVar(&provider, "provider", "", "only this kind of provider: "+cli.Words(Kinds()))
	return c
}

// write writes the configuration of one kind of provider, or the shipped one.
func write(a *cli.App, path, provider string) error {
	text := shippedConfig(orderbeat.Config)
	if provider != "" {
		var ok bool
		switch text, ok = only(orderbeat.Config, provider); {
		case provider == "declared":
			return cli.Misuse("--provider: a declared provider starts with `orderbeat provider new <name>`, after `orderbeat init`")
		case !ok:
			return cli.Misuse("--provider: %q is not one of %s", provider, cli.Words(Kinds()))
		}
	}
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		path = filepath.Join(path, "config.toml")
	}
	if err := cli.WriteNew(path, text, "give another path"); err != nil {
		return err
	}
	flag := ""
	if path != "config.toml" {
		flag = " --config " + path
	}
	_, err := fmt.Fprintf(a.Stdout, "%[1]s is written. Next:\n  orderbeat check%[2]s   what would run, and when\n  orderbeat run%[2]s     run it, with sample orders, until Ctrl-C\n", path, flag)
	return err
}
