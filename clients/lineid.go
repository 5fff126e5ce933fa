package clients

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"
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
	slices.SortFunc(o.Lines, func(a, b Line) int { return cmp.Or(byID(a, b), bytes.Compare(contents(&a), contents(&b))) })
	o.Lines = slices.CompactFunc(o.Lines, func(a, b Line) bool {
		return a.LineID == b.LineID && bytes.Equal(contents(&a), contents(&b))
	})
	for _, l := range o.Lines {
		taken[l.LineID] = true
	}
	first := ""
	for i := range o.Lines {
		l := &o.Lines[i]
		if i == 0 || l.LineID != first {
			first = l.LineID
			continue
		}
		for n := 2; taken[l.LineID]; n++ {
			l.LineID = fmt.Sprintf("%s~%d", first, n)
		}
		taken[l.LineID] = true
	}
	slices.SortFunc(o.Lines, byID)
}

// contents is everything a line says.
func contents(l *Line) []byte { return l.appendTo(nil, nil) }
