package declared

import (
	"slices"
	"unsafe"

	"orderbeat/clients"
)

// linesAdd is the value of the key lines of an operation whose equal lines without ids are separate
// lines.
const linesAdd = "add"

// mergedOrder is one order, merged from all reports of it: a response may list lines instead of orders,
// and a page may repeat orders of the one before, because rows move during paging.
//
// The last report counts. A line replaces an earlier one with the same id. Lines without ids from one page
// replace those from an earlier page, and equal ones count as one, unless the declaration says that they
// add up.
type mergedOrder struct {
	order clients.Order // without lines
	lines []clients.Line
	gone  []bool           // replaced lines
	pages []int            // the page of each line
	byID  map[string][]int // indexes into lines of those that have an id
	page  int              // the page of the lines without ids
	last  int              // the last page with the order
	// parts reports that a page had the order in several parts, each with lines of its own, and rows are
	// the contents of the lines without ids of a page that had it twice.
	parts bool
	rows  map[string]bool
	// unread reports that a part of the order could not be read.
	unread bool
}

// add adds a page's report. It returns the index of a line that has the id of another line of the page
// but different contents, or -1. Its cost depends on the size of the report only.
func (g *mergedOrder) add(o clients.Order, page int, mode string) (contradicts int) {
	lines := o.Lines
	o.Lines = nil
	again := page == g.last
	if !again {
		g.last, g.rows = page, nil
	}
	g.parts = g.parts || again && g.addsLines(lines, mode)
	if g.byID == nil {
		g.byID = make(map[string][]int, len(lines))
	}
	if mode != linesAdd && page != g.page && slices.ContainsFunc(lines, unnumbered) {
		for i := range g.lines {
			g.gone[i] = g.gone[i] || unnumbered(g.lines[i])
		}
		g.page = page
	}
	contradicts = -1
	replaced := make(map[string]bool, len(lines))
	for n, l := range lines {
		if id := l.LineID; id != "" {
			if contradicts < 0 && g.contradicts(l, page) {
				contradicts = n
			}
			if !replaced[id] {
				replaced[id] = true
				for _, i := range g.byID[id] {
					g.gone[i] = true
				}
				g.byID[id] = g.byID[id][:0]
			}
			g.byID[id] = append(g.byID[id], len(g.lines))
		}
		g.lines, g.gone, g.pages = append(g.lines, l), append(g.gone, false), append(g.pages, page)
	}
	g.order = o
	return contradicts
}

// contradicts reports whether the page has lines with the id of this one, but none with the same
// contents.
func (g *mergedOrder) contradicts(l clients.Line, page int) bool {
	seen := false
	for _, i := range g.byID[l.LineID] {
		if g.pages[i] == page {
			if contentsOf(g.lines[i]) == contentsOf(l) {
				return false
			}
			seen = true
		}
	}
	return seen
}

// addsLines reports whether the page, which has had the order before, adds new lines now.
func (g *mergedOrder) addsLines(lines []clients.Line, mode string) bool {
	known := func(l clients.Line) bool {
		if l.LineID != "" {
			return slices.ContainsFunc(g.byID[l.LineID], func(i int) bool { return g.pages[i] == g.last })
		}
		if mode == linesAdd {
			return false
		}
		if g.rows == nil {
			g.rows = map[string]bool{}
			for i, l := range g.lines {
				if unnumbered(l) && g.pages[i] == g.last {
					g.rows[contentsOf(l)] = true
				}
			}
		}
		return g.rows[contentsOf(l)]
	}
	return !g.parts && slices.ContainsFunc(lines, func(l clients.Line) bool { return !known(l) })
}

// contentsOf returns the same text for equal lines.
func contentsOf(l clients.Line) string {
	l.Schedule, l.Despatches = slices.Clone(l.Schedule), slices.Clone(l.Despatches)
	o := clients.Order{Lines: []clients.Line{l}}
	o.Normalize()
	return string(o.Lines[0].Contents())
}

func unnumbered(l clients.Line) bool { return l.LineID == "" }

// done returns the order with all its lines.
func (g *mergedOrder) done(mode string) clients.Order {
	seen := map[string]bool{}
	lines := g.lines[:0]
	for i, l := range g.lines {
		if g.gone[i] {
			continue
		}
		if l.LineID == "" && mode != linesAdd {
			contents := string(l.Contents())
			if seen[contents] {
				continue
			}
			seen[contents] = true
		}
		lines = append(lines, l)
	}
	o := g.order
	o.Lines = lines
	return o
}

// orderBytes is the approximate size of an order that is read from a program's result, in bytes.
func orderBytes(v any) int {
	const room = 2 // spare capacity of lists
	n := int(unsafe.Sizeof(mergedOrder{})) + textBytes(v)
	for _, l := range listIn(v, "lines") {
		n += room*int(unsafe.Sizeof(clients.Line{})) + textBytes(l)
		n += room * int(unsafe.Sizeof(clients.ScheduleLine{})) * len(listIn(l, "schedule"))
		n += room * int(unsafe.Sizeof(clients.Despatch{})) * len(listIn(l, "despatches"))
	}
	return n
}

func listIn(v any, name string) []any {
	object, _ := v.(map[string]any)
	list, _ := object[name].([]any)
	return list
}

// textBytes is the length of the texts in an object.
func textBytes(v any) (n int) {
	object, _ := v.(map[string]any)
	for _, v := range object {
		text, _ := v.(string)
		n += len(text)
	}
	return n
}
