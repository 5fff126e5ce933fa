package main

import (
	"fmt"
	"slices"

	"github.com/spf13/cobra"
)

// listing is how a command lists what it found.
type listing[T any] struct {
	noun string // "run"
	head []string
	row  func(T) []string
}

// print prints a list as a table, or as JSON.
func (l listing[T]) print(a *app, list []T, asJSON bool) error {
	if asJSON {
		return printJSON(a.stdout, map[string]any{l.noun + "s": list})
	}
	if len(list) == 0 {
		fmt.Fprintf(a.stderr, "no %ss match\n", l.noun)
		return nil
	}
	rows := make([][]string, len(list))
	for i, v := range list {
		rows[i] = l.row(v)
	}
	return printTable(a.stdout, slices.Clone(l.head), rows)
}

// limitFlag bounds how many rows a list has.
func limitFlag(c *cobra.Command, into *int, usual int) {
	c.Flags().IntVar(into, "limit", usual, "maximum number of rows")
}

// checkList refuses a limit that is none and a value that is not allowed.
func checkList[S ~string](limit int, flag, value string, allowed []S) error {
	if value != "" && !slices.Contains(allowed, S(value)) {
		return misuse("--%s: %q is not one of %s", flag, value, words(allowed))
	}
	if limit < 1 {
		return misuse("--limit must be at least 1, got %d", limit)
	}
	return nil
}
