package main

import (
	"fmt"
	"runtime/debug"

	"github.com/spf13/cobra"

	"orderbeat/cmd/orderbeat/cli"
)

func versionCommand(a *cli.App) *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:   "version",
		Short: "Print the version",
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			b := readBuild()
			if asJSON {
				return cli.PrintJSON(a.Stdout, b)
			}
			fmt.Fprintf(a.Stdout, "orderbeat %s\n", b.Version)
			if b.Revision != "" {
				fmt.Fprintf(a.Stdout, "revision %s\n", b.Revision)
			}
			fmt.Fprintf(a.Stdout, "built with %s\n", b.Go)
			return nil
		},
	}
	cli.JSONFlag(c, &asJSON)
	return c
}

// build describes how the program was built.
type build struct {
	Version  string `json:"version"`
	Revision string `json:"revision"` // of the source; with "+dirty" if it was modified, "" if unknown
	Go       string `json:"go"`
}

func readBuild() build {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return build{Version: "unknown"}
	}
	b := build{Version: info.Main.Version, Go: info.GoVersion}
	if b.Version == "" || b.Version == "(devel)" {
		b.Version = "devel"
	}
	dirty := ""
	for _, s := range info.Settings {
		switch {
		case s.Key == "vcs.revision":
			b.Revision = s.Value
		case s.Key == "vcs.modified" && s.Value == "true":
			dirty = "+dirty"
		}
	}
	if b.Revision != "" {
		b.Revision += dirty
	}
	return b
}
