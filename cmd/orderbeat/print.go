package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"orderbeat/jobs"
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

// plain makes text from elsewhere safe for a terminal: one line, without characters that control it ([isControl]).
func plain(s string) string {
	return strings.Map(func(r rune) rune {
		if isControl(r) {
			return ' '
		}
		return r
	}, s)
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

func printErrors(w io.Writer, errs []jobs.RunError) {
	for _, e := range errs {
		fmt.Fprintf(w, "%s: %s: %s\n", plain(orDash(e.Account)), e.Code, plain(e.Message))
		if e.Hint != "" {
			fmt.Fprintf(w, "  %s\n", plain(e.Hint))
		}
	}
}
