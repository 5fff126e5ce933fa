package michelin

import "orderbeat/clients"

// documents are the orders or documents of an answer, put together of its entries.
type documents[D any, L any] struct {
	shape[D, L]
	list  []D
	byID  map[string]int // index into list
	lines lineSets[L]
	entry D // used again for every entry
}

// shape says what documents of one kind have in common with the others.
type shape[D any, L any] struct {
	parts func(*D) parts[L]
	// problem is one of a document, as the answer tells it.
	problem func(d *D, message string) clients.Problem
	noID    string // says that an entry has no number
	keyed[L]
}

type parts[L any] struct {
	id       string
	lines    *[]L
	unread   *clients.Unread
	unmapped *[]string
}

func newDocuments[D, L any](s shape[D, L]) documents[D, L] {
	return documents[D, L]{shape: s, byID: map[string]int{}, lines: newLineSets(s.keyed)}
}

// next is the document that the next entry is mapped to.
func (c *documents[D, L]) next() *D {
	c.entry = *new(D)
	return &c.entry
}

// add adds the entry that was mapped, with the trouble that it tells of. Merge adds to a document
// what a further entry of the same number says.
func (c *documents[D, L]) add(m *mapper, trouble problem, answer *clients.Answer, merge func(into *D)) {
	d := &c.entry
	tell := func(code, message string, unread bool) {
		p := c.problem(d, message)
		p.Code, p.Unread = shorten(code), unread
		answer.Partial = append(answer.Partial, p)
	}
	if trouble.failed() {
		tell(trouble.code, trouble.message(), false)
	}
	entry := c.parts(d)
	into := entry
	at, known := c.byID[entry.id]
	switch {
	case entry.id == "":
		if !trouble.failed() {
			tell("", c.noID, false)
		}
	case known:
		merge(&c.list[at])
		into = c.parts(&c.list[at])
		*into.unread |= *entry.unread
		m.contradict(c.lines.further(at, *into.lines, *entry.lines, m.use))
	case trouble.failed() && len(*entry.lines) == 0: // there is nothing to tell about it
	default:
		at = len(c.list)
		c.byID[entry.id] = at
		m.contradict(c.lines.first(at, *entry.lines, m.use))
		c.list = append(c.list, *d)
		into = c.parts(&c.list[at])
	}
	unmapped, message := m.report()
	*into.unmapped = append(*into.unmapped, unmapped...)
	if message != "" && m.use(problemBytes+len(message)) {
		tell("", message, true)
	}
}

// done are the documents with all their lines.
func (c *documents[D, L]) done(normalize func(*D)) []D {
	for i, set := range c.lines.byIndex {
		*c.parts(&c.list[i]).lines = set.rest()
	}
	for i := range c.list {
		normalize(&c.list[i])
	}
	return c.list
}
