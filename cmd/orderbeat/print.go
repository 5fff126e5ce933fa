package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"
)

// printJSON writes v as one indented document.
func printJSON(w io.Writer, v any) error {
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(v); err != nil {
		return err
	}
	_, err := w.Write(escapeJSON(out.Bytes()))
	return err
}

// printTable writes rows below their head, in aligned columns.
func printTable(w io.Writer, head []string, rows [][]string) error {
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, row := range append([][]string{head}, rows...) {
		for i, cell := range row {
			row[i] = plain(cell)
		}
		// Without the padding of a last column that is empty.
		fmt.Fprintln(tw, strings.TrimRight(strings.Join(row, "\t"), "\t"))
	}
	return tw.Flush()
}

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

// plain makes text from elsewhere safe for a terminal: one line, without characters that control it ([isControl]).
func plain(s string) string {
	return strings.Map(func(r rune) rune {
		if isControl(r) {
			return ' '
		}
		return r
	}, s)
}

// minute is how tables show a time: UTC, to the minute; "-" for none.
func minute(t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	return t.UTC().Format("2006-01-02 15:04")
}

// second is minute to the second.
func second(t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	return t.UTC().Format(time.DateTime)
}

// orDash shows that there is nothing.
func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

// words lists values in one line, "a, b, c".
func words[T ~string](all []T) string {
	list := make([]string, len(all))
	for i, s := range all {
		list[i] = string(s)
	}
	return strings.Join(list, ", ")
}

// count is "1 order", "2 orders".
func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

func jsonFlag(c *cobra.Command, into *bool) {
	c.Flags().BoolVar(into, "json", false, "print JSON")
}
