package michelin

import (
	"slices"

	"orderbeat/clients"
)

// A response may repeat an order or a document, as a whole or line by line (the worldwide variant of
// the order status has an entry for each line). Every line counts once:
//
//   - Equal lines count as one line.
//   - If different lines have one id, the last one counts, and the contradiction is reported.
//   - Different lines of one article without an id are separate lines if they are in one
//     entry. If two entries have such lines, those of the last entry count, and that is reported: adding them up
//     could double the order.

// The messages for responses that contradict themselves.
const (
	lineTwice  = "is repeated with different contents: the last counts"
	valueTwice = "differs from an earlier entry: the last counts"
)

// keyed is how lines of one kind are identified.
type keyed[L any] struct {
	// key identifies a line; numbered reports that it is the line's id.
	key func(*L) (key string, numbered bool)
	// contents are equal for equal lines only.
	contents func(*L) string
}

// lineSet are the lines of an order or a document, merged from its entries.
type lineSet[L any] struct {
	keyed[L]
	lines  []L
	gone   []bool // replaced lines
	groups map[string]*lineGroup
}

type lineGroup struct {
	at       []int // indexes of lines
	contents map[string]bool
}

// groupBytes is the approximate size of a line in a set, besides its contents.
const groupBytes = 200

// add adds the lines of an entry, and returns the indexes of those that contradict others. It stops
// when use reports that the budget is exhausted.
func (s *lineSet[L]) add(lines []L, use func(bytes int) bool) (contradicts []int) {
	entry := map[string]*lineGroup{}
	var keys []string
	for i := range lines {
		key, numbered := s.key(&lines[i])
		contents := s.contents(&lines[i])
		g := entry[key]
		if g == nil {
			g = &lineGroup{contents: map[string]bool{}}
			entry[key], keys = g, append(keys, key)
		}
		if g.contents[contents] {
			continue
		}
		if !use(groupBytes + len(key) + len(contents)) {
			return contradicts
		}
		if numbered && len(g.at) > 0 {
			contradicts = append(contradicts, i)
			g.at = g.at[:0]
			clear(g.contents)
		}
		g.at = append(g.at, i)
		g.contents[contents] = true
	}
	for _, key := range keys {
		g := entry[key]
		if known := s.groups[key]; known != nil {
			if known.has(g) {
				continue
			}
			contradicts = append(contradicts, g.at[0])
			for _, at := range known.at {
				s.gone[at] = true
			}
		}
		for i, at := range g.at {
			g.at[i] = len(s.lines)
			s.lines, s.gone = append(s.lines, lines[at]), append(s.gone, false)
		}
		s.groups[key] = g
	}
	return contradicts
}

// has reports whether every line of another group is in the group.
func (g *lineGroup) has(other *lineGroup) bool {
	for contents := range other.contents {
		if !g.contents[contents] {
			return false
		}
	}
	return true
}

// rest returns the lines that were not replaced, in the order of the response.
func (s *lineSet[L]) rest() []L {
	lines := s.lines[:0]
	for i, l := range s.lines {
		if !s.gone[i] {
			lines = append(lines, l)
		}
	}
	return lines
}

// later sets a value from a further entry, and notes that it differs from an earlier one.
func later[T comparable](m *mapper, into *T, further T, at span) {
	var none T
	if further == none || further == *into {
		return
	}
	if *into != none {
		m.note(at, valueTwice)
	}
	*into = further
}

// orders identifies the lines of an order by their id, or by their article.
var orders = shape[clients.Order, clients.Line]{
	parts: func(o *clients.Order) parts[clients.Line] {
		return parts[clients.Line]{o.OrderID, &o.Lines, &o.Unread, &o.Unmapped}
	},
	problem: func(o *clients.Order, message string) clients.Problem {
		return clients.Problem{OrderID: o.OrderID, Reference: string(o.Reference), Message: message}
	},
	noID: "the order has no supplier order number",
	keyed: keyed[clients.Line]{
		key: func(l *clients.Line) (string, bool) {
			if l.LineID != "" {
				return l.LineID, true
			}
			return "\x00" + string(l.ArticleID+"\x00"+l.BuyerArticleID+"\x00"+l.EAN), false
		},
		contents: func(l *clients.Line) string {
			o := clients.Order{Lines: []clients.Line{*l}}
			o.Lines[0].Schedule, o.Lines[0].Despatches = slices.Clone(l.Schedule), slices.Clone(l.Despatches)
			o.Normalize()
			return string(o.Lines[0].Contents())
		},
	},
}
