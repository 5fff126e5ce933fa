package cli

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"

	"orderbeat/clients/plain"
	"orderbeat/jobs"
)

// PrintJSON writes v as one indented document.
func PrintJSON(w io.Writer, v any) error {
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(v); err != nil {
		return err
	}
	_, err := w.Write(EscapeJSON(out.Bytes()))
	return err
}

// Plain makes untrusted text safe for a terminal: one line, without control characters.
func Plain(s string) string { return plain.Line(s) }

// OrDash returns s, or "-" if it is empty.
func OrDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

// Words joins values as "a, b, c".
func Words[T ~string](all []T) string {
	return strings.Join(Names(all, func(s T) string { return string(s) }), ", ")
}

// Names returns the name of each value.
func Names[T any](all []T, name func(T) string) []string {
	names := make([]string, len(all))
	for i, v := range all {
		names[i] = name(v)
	}
	return names
}

// Count returns "1 order", "2 orders".
func Count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// PrintErrors writes the errors of a run with their hints.
func PrintErrors(w io.Writer, errs []jobs.RunError) {
	for _, e := range errs {
		fmt.Fprintf(w, "%s: %s: %s\n", Plain(OrDash(e.Account)), e.Code, Plain(e.Message))
		if e.Hint != "" {
			fmt.Fprintf(w, "  %s\n", Plain(e.Hint))
		}
	}
}

// WriteNew writes a file that does not exist yet. instead is the hint if it does.
func WriteNew(path, text, instead string) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if errors.Is(err, fs.ErrExist) {
		return Misuse("%s exists and is not overwritten: %s", path, instead)
	}
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	if err := errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("%s is incomplete: %w", path, err)
	}
	return nil
}
