package tomlfile

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Error is one mistake in a file.
type Error struct {
	// File is the path of the file relative to the working directory, or the name of a text
	// that was not read from a file: "preset ptv".
	File string
	// Line and Column count from 1, columns in characters. Both are 0 for an error about
	// the whole file.
	Line, Column int
	// Key is the key's path in that file, such as "providers.michelin.rate"; "" for none.
	Key string
	// Message says what is wrong and what is allowed. It never contains a secret.
	Message string
}

// Error formats it as "config.toml:12:5: providers.michelin.rate: …".
func (m *Error) Error() string {
	var b strings.Builder
	b.WriteString(m.File)
	if m.Line > 0 {
		fmt.Fprintf(&b, ":%d:%d", m.Line, m.Column)
	}
	if m.Key != "" {
		fmt.Fprintf(&b, ": %s", m.Key)
	}
	fmt.Fprintf(&b, ": %s", m.Message)
	return b.String()
}

// Errors joins errors in the order of their positions, those of file first; nil if there are
// none. Duplicates, as from a file that two sections use, are removed.
func Errors(file string, all []*Error) error {
	others := func(m *Error) int {
		if m.File == file {
			return 0
		}
		return 1
	}
	slices.SortStableFunc(all, func(a, b *Error) int {
		return cmp.Or(others(a)-others(b), strings.Compare(a.File, b.File), a.Line-b.Line, a.Column-b.Column, strings.Compare(a.Key, b.Key))
	})
	var errs []error
	for i, m := range all {
		if i == 0 || *m != *all[i-1] {
			errs = append(errs, m)
		}
	}
	return errors.Join(errs...)
}
