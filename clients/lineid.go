package clients

import (
	"bytes"
	"cmp"
	"slices"
	"strconv"
)

func byID(a, b Line) int { return cmp.Compare(a.LineID, b.LineID) }

// separateLines makes the ids of sorted lines unique, because changes and tables
// name a line by its id alone. What was told twice in the same words is told once;
// what merely shares its id gets a number behind it, the same in every answer that
// says the same.
func (o *Order) separateLines() {
	taken := map[string]bool{}
	for i := 1; i < len(o.Lines); i++ {
		if o.Lines[i].LineID == o.Lines[i-1].LineID {
			taken[o.Lines[i].LineID] = true
		}
	}
	if len(taken) == 0 {
		return
	}
	o.Lines = distinctLines(o.Lines)
	for i := range o.Lines {
		taken[o.Lines[i].LineID] = true
	}
	first, n := "", 0
	for i := range o.Lines {
		l := &o.Lines[i]
		if i == 0 || l.LineID != first {
			first, n = l.LineID, 1
			continue
		}
		for taken[l.LineID] {
			n++ // never starts over: each number is tried once
			l.LineID = first + "~" + strconv.Itoa(n)
		}
		taken[l.LineID] = true
	}
	slices.SortFunc(o.Lines, byID)
}

// distinctLines sorts lines by id and contents and drops the repeated ones. The contents
// of a line are encoded once, not at every comparison.
func distinctLines(lines []Line) []Line {
	type encoded struct {
		at       int
		contents []byte
	}
	all := make([]encoded, len(lines))
	for i := range lines {
		all[i] = encoded{i, lines[i].Contents()}
	}
	slices.SortFunc(all, func(a, b encoded) int {
		return cmp.Or(byID(lines[a.at], lines[b.at]), bytes.Compare(a.contents, b.contents))
	})
	all = slices.CompactFunc(all, func(a, b encoded) bool { return bytes.Equal(a.contents, b.contents) })
	distinct := make([]Line, len(all))
	for i, e := range all {
		distinct[i] = lines[e.at]
	}
	return distinct
}

// Contents encodes everything that a line says: it is equal for equal lines only.
func (l *Line) Contents() []byte { return l.appendTo(nil, nil) }
