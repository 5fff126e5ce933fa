package main

import (
	"os"

	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"

	"orderbeat/cmd/orderbeat/cli"
)

// manCommand writes manual pages, for packages.
func manCommand(root *cobra.Command) *cobra.Command {
	return &cobra.Command{
		Use:    "man <folder>",
		Short:  "Write the manual pages of all commands",
		Args:   cli.OneArg("the folder"),
		Hidden: true,
		RunE: func(_ *cobra.Command, args []string) error {
			if err := os.MkdirAll(args[0], 0o755); err != nil { //nolint:gosec // manual pages are public
				return err
			}
			root.DisableAutoGenTag = true // the output must not depend on the date
			return doc.GenManTree(root, &doc.GenManHeader{Section: "1", Source: "orderbeat " + readBuild().Version, Manual: "Orderbeat"}, args[0])
		},
	}
}
