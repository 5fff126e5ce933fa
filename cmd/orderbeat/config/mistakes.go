package config

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"orderbeat/clients"
)

// Error is one thing that is wrong with the configuration.
type Error struct {
	// File is the path of the file as it can be opened from here, or what is no file
	// as its kind calls it: "preset ptv".
	File string
	// Line and Column count from 1, columns in characters. Line 0 is the file as a
	// whole, and Column 0 with it.
	Line, Column int
	// Key is the key's path in that file, such as "providers.michelin.rate"; "" for none.
	Key string
	// Message says what is wrong and what is allowed. It never repeats a secret.
	Message string
}

// Error tells it as "config.toml:12:5: providers.michelin.rate: …".
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

// mistakes collects everything that is wrong, to be told at once.
type mistakes struct{ all []mistake }

// mistake is an [Error] that is not located yet.
type mistake struct {
	key     string // its path in the configuration, whatever text it comes from
	offset  int    // as in [clients.ConfigError]
	message string
}

// add notes a mistake at a key.
func (c *mistakes) add(key, format string, args ...any) {
	c.note(mistake{key: key, message: fmt.Sprintf(format, args...)})
}

// note keeps the first of several mistakes at one place: what follows from a mistake
// is no news.
func (c *mistakes) note(m mistake) {
	known := slices.ContainsFunc(c.all, func(k mistake) bool { return k.key == m.key && k.offset == m.offset })
	if !known {
		c.all = append(c.all, m)
	}
}

func (c *mistakes) has(key string) bool {
	return slices.ContainsFunc(c.all, func(m mistake) bool { return m.key == key })
}

// addProvider notes what a provider says about its section, which is at path.
func (c *mistakes) addProvider(path string, err error) {
	if err == nil {
		return
	}
	if e, ok := err.(*clients.ConfigError); ok { //nolint:errorlint // the tree is walked by hand
		c.note(mistake{key: path + "." + e.Key, offset: e.Offset, message: e.Message})
		return
	}
	if several, ok := err.(interface{ Unwrap() []error }); ok {
		for _, err := range several.Unwrap() {
			c.addProvider(path, err)
		}
		return
	}
	if inner := errors.Unwrap(err); inner != nil {
		c.addProvider(path, inner)
		return
	}
	c.add(path, "%v", err)
}

// joined is what is wrong in the order of the texts: those of file first, and those of
// one place by key; nil when nothing is. What two sections say alike of a file that
// both name is said once.
func joined(file string, all []*Error) error {
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

// nearest is the word most like s, or "" when none is like it.
func nearest(s string, words []string) string {
	best, least := "", max(2, len(s)/3)+1
	for _, w := range words {
		if d := distance(s, w); d < least {
			best, least = w, d
		}
	}
	return best
}

// distance counts the letters to insert, delete or replace to make b of a.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			replace := diagonal
			if a[i] != b[j] {
				replace++
			}
			diagonal = row[j+1]
			row[j+1] = min(replace, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
