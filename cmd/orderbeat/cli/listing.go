package cli

import (
	"fmt"
	"slices"

	"github.com/spf13/cobra"
)

// Listing formats a list.
type Listing[T any] struct {
	Noun string // "run"
	Head []string
	Row  func(T) []string
}

// Print prints a list as a table, or as JSON.
func (l Listing[T]) Print(a *App, list []T, asJSON bool) error {
	if asJSON {
		return PrintJSON(a.Stdout, map[string]any{l.Noun + "s": list})
	}
	if len(list) == 0 {
		fmt.Fprintf(a.Stderr, "no %ss match\n", l.Noun)
		return nil
	}
	rows := make([][]string, len(list))
	for i, v := range list {
		rows[i] = l.Row(v)
	}
	return PrintTable(a.Stdout, slices.Clone(l.Head), rows)
}

// LimitFlag adds the flag --limit.
func LimitFlag(c *cobra.Command, into *int, usual int) {
	c.Flags().IntVar(into, "limit", usual, "maximum number of rows")
}

// CheckList returns a usage error if the limit is below 1 or the value is not allowed.
func CheckList[S ~string](limit int, flag, value string, allowed []S) error {
	if value != "" && !slices.Contains(allowed, S(value)) {
		return Misuse("--%s: %q is not one of %s", flag, value, Words(allowed))
	}
	if limit < 1 {
		return Misuse("--limit must be at least 1, got %d", limit)
	}
	return nil
}
