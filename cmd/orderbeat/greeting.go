package main

import (
	"fmt"
	"strings"

	"orderbeat/cmd/orderbeat/cli"
	"orderbeat/cmd/orderbeat/config"
)

// greeting returns the function that prints what runs and what to try next, to a person who
// started the worker on a terminal; nil if there is none, or the log is read by a program.
func greeting(a *cli.App, c *config.Config) func(page string) {
	if !cli.IsTerminal(a.RawStderr) || !cli.IsTerminal(a.RawStdout) || c.Log.Format == "json" {
		return nil
	}
	return func(page string) { fmt.Fprint(a.Stderr, greetingText(a.ConfigPath, c, page)) }
}

// greetingText is what a person reads after the start. path is the flag --config.
func greetingText(path string, c *config.Config, page string) string {
	where := ""
	if c.Sandbox != nil {
		where = ", sample orders from the sandbox"
	}
	flag := ""
	if path != "" {
		flag = " --config " + path
	}
	var text strings.Builder
	fmt.Fprintf(&text, "\n  running   %s with %s%s; Ctrl-C stops\n", cli.Words(c.ProviderNames()), cli.Count(len(c.Schedules), "schedule"), where)
	fmt.Fprintf(&text, "  try next  in a second terminal: orderbeat status%[1]s · orderbeat orders --open%[1]s\n", flag)
	if page != "" {
		fmt.Fprintf(&text, "  page      %s\n", page)
	}
	return text.String() + "\n"
}
