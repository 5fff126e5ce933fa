package michelin

import "orderbeat/clients"

// documents are the orders or documents of a response, merged from its entries.
type documents[D any, L any] struct {
	shape[D, L]
	list  []D
	byID  map[string]int      // index into list
	sets  map[int]*lineSet[L] // the lines of documents that need a set, by index into list
	seen  map[string]bool     // reused for every entry
	entry D                   // reused for every entry
}

// shape is what differs between kinds of documents.
type shape[D any, L any] struct {
	parts func(*D) parts[L]
	// problem is a problem of a document.
	problem func(d *D, message string) clients.Problem
	noID    string // the message for an entry without a number
	keyed[L]
}

type parts[L any] struct {
	id       string
	lines    *[]L
	unread   *clients.Unread
	unmapped *[]string
}

func newDocuments[D, L any](s shape[D, L]) documents[D, L] {
	return documents[D, L]{shape: s, byID: map[string]int{}, sets: map[int]*lineSet[L]{}, seen: map[string]bool{}}
}

// next returns the document that the next entry is mapped to.
func (c *documents[D, L]) next() *D {
	c.entry = *new(D)
	return &c.entry
}

// add adds the mapped entry, with the problem that it states. merge adds a further entry of the same
// number to a document.
func (c *documents[D, L]) add(m *mapper, trouble problem, answer *clients.Answer, merge func(into *D)) {
	d := &c.entry
	report := func(code, message string, unread bool) {
		p := c.problem(d, message)
		p.Code, p.Unread = shorten(code), unread
		answer.Partial = append(answer.Partial, p)
	}
	if trouble.failed() {
		report(trouble.code, trouble.message(), false)
	}
	entry := c.parts(d)
	into := entry
	at, known := c.byID[entry.id]
	switch {
	case entry.id == "":
		if !trouble.failed() {
			report("", c.noID, false)
		}
	case known:
		merge(&c.list[at])
		into = c.parts(&c.list[at])
		*into.unread |= *entry.unread
		m.contradict(c.set(at, *into.lines, m.use).add(*entry.lines, m.use))
	case trouble.failed() && len(*entry.lines) == 0: // there is nothing to report about it
	default:
		at = len(c.list)
		c.byID[entry.id] = at
		if c.needsSet(*entry.lines) {
			m.contradict(c.set(at, nil, m.use).add(*entry.lines, m.use))
		}
		c.list = append(c.list, *d)
		into = c.parts(&c.list[at])
	}
	unmapped, message := m.report()
	*into.unmapped = append(*into.unmapped, unmapped...)
	if message != "" && m.use(problemBytes+len(message)) {
		report("", message, true)
	}
}

// needsSet reports whether the lines of a first entry need a set: usually they have ids of their own.
func (c *documents[D, L]) needsSet(lines []L) bool {
	clear(c.seen)
	for i := range lines {
		key, numbered := c.key(&lines[i])
		if !numbered && len(lines) > 1 || c.seen[key] {
			return true
		}
		c.seen[key] = true
	}
	return false
}

// set returns the line set of a document; lines are those of its first entry.
func (c *documents[D, L]) set(at int, lines []L, use func(bytes int) bool) *lineSet[L] {
	set := c.sets[at]
	if set == nil {
		set = &lineSet[L]{keyed: c.keyed, groups: map[string]*lineGroup{}}
		c.sets[at] = set
		set.add(lines, use)
	}
	return set
}

// done returns the documents with all their lines.
func (c *documents[D, L]) done(normalize func(*D)) []D {
	for i, set := range c.sets {
		*c.parts(&c.list[i]).lines = set.rest()
	}
	for i := range c.list {
		normalize(&c.list[i])
	}
	return c.list
}
