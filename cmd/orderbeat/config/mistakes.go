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
	// File is the path of the file as it was named.
	File string
	// Line counts from 1; 0 is the file as a whole.
	Line int
	// Key is the key's path, such as "providers.michelin.rate"; "" for none.
	Key string
	// Message says what is wrong and what is allowed. It never repeats a secret.
	Message string
}

// Error tells it as "config.toml:12: providers.michelin.rate: …".
func (m *Error) Error() string {
	var b strings.Builder
	b.WriteString(m.File)
	if m.Line > 0 {
		fmt.Fprintf(&b, ":%d", m.Line)
	}
	if m.Key != "" {
		fmt.Fprintf(&b, ": %s", m.Key)
	}
	fmt.Fprintf(&b, ": %s", m.Message)
	return b.String()
}

// mistakes collects everything that is wrong, to be told at once.
type mistakes struct {
	file string
	doc  document
	all  []*Error
}

// add notes a mistake at a key. Of several at one key the first stays: what
// follows from a mistake is no news.
func (c *mistakes) add(key, format string, args ...any) {
	if c.has(key) {
		return
	}
	c.all = append(c.all, &Error{File: c.file, Line: c.doc.line(key), Key: key, Message: fmt.Sprintf(format, args...)})
}

func (c *mistakes) has(key string) bool {
	return slices.ContainsFunc(c.all, func(m *Error) bool { return m.Key == key })
}

// addProvider notes what a provider says about its section, which is at path.
func (c *mistakes) addProvider(path string, err error) {
	if err == nil {
		return
	}
	if e, ok := err.(*clients.ConfigError); ok { //nolint:errorlint // the tree is walked by hand
		c.add(path+"."+e.Key, "%s", e.Message)
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

// err joins the mistakes in the order of the file, those of one line by key; nil when
// there is none.
func (c *mistakes) err() error {
	slices.SortStableFunc(c.all, func(a, b *Error) int { return cmp.Or(a.Line-b.Line, strings.Compare(a.Key, b.Key)) })
	joined := make([]error, len(c.all))
	for i, m := range c.all {
		joined[i] = m
	}
	return errors.Join(joined...)
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
