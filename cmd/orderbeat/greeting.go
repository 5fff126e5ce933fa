package main

import (
	"fmt"
	"strings"

	"orderbeat/cmd/orderbeat/cli"
	"orderbeat/cmd/orderbeat/config"
)

// greeting returns a function that prints what runs and what to try next. It returns nil unless
// stdout and stderr are terminals and the log is text.
func greeting(a *cli.App, c *config.Config) func(page string) {
	if !cli.IsTerminal(a.RawStderr) || !cli.IsTerminal(a.RawStdout) || c.Log.Format == "json" {
		return nil
	}
	return func(page string) { fmt.Fprint(a.Stderr, greetingText(a.ConfigPath, c, page)) }
}

// greetingText returns the text that greeting prints. path is the value of --config.
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
