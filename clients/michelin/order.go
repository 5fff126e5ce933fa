package michelin

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
	"unsafe"

	"orderbeat/clients"
)

// mapper reads one referencedOrder of an answer into our words.
type mapper struct {
	root     node
	meter    *clients.Meter
	unmapped []string
	lines    []clients.Line // room for lines while they are counted, used again for every order
}

// What is mapped takes, in bytes, beside its texts, and the room that lists grow in.
const (
	lineBytes     = 2 * int(unsafe.Sizeof(clients.Line{}))
	scheduleBytes = 2 * int(unsafe.Sizeof(clients.ScheduleLine{}))
	despatchBytes = 2 * int(unsafe.Sizeof(clients.Despatch{}))
	textBytes     = 2 * int(unsafe.Sizeof(""))
)

// begin goes on to another entry.
func (m *mapper) begin(root node) {
	m.root, m.unmapped = root, nil
	m.use(len(root) + lineBytes) // no less than its texts, and its own columns
}

// use charges for what is to be kept, and reports whether it may be.
func (m *mapper) use(bytes int) bool { return m.meter.Use(bytes) == nil }

// order reads the whole entry.
func (m *mapper) order(o *clients.Order) (trouble problem) {
	m.lines = m.lines[:0]
	for c := m.root.members(); c.next(); {
		switch {
		case c.is("error"):
			trouble = m.problem(c.value)
		case c.is("orderDate"):
			keep(&o.OrderedOn, m.date(c.value))
		case c.is("supplierOrderNumber"):
			keep(&o.OrderID, m.documentID(c.value))
		case c.is("orderReference"):
			keep(&o.Reference, clients.Text(m.documentID(c.value)))
		case c.is("orderingMethod"):
			keep(&o.Method, clients.Text(m.text(c.value)))
		case c.is("orderLine"):
			for l := m.each(c.value); l.next(); {
				if m.isObject(l.value) && m.use(lineBytes) {
					m.lines = append(m.lines, m.line(l.value))
				}
			}
		}
	}
	o.Lines = slices.Clone(m.lines)
	o.Unmapped = m.unmapped
	return trouble
}

// keep lets the first value that is told stand.
func keep[T ~string](into *T, value T) {
	if *into == "" {
		*into = value
	}
}

func (m *mapper) problem(n node) (p problem) {
	for c := m.members(n); c.next(); {
		switch {
		case c.is("errorCode"):
			p.code = m.text(c.value)
		case c.is("errorText"):
			p.text = m.text(c.value)
		}
	}
	return p
}

func (m *mapper) line(n node) (l clients.Line) {
	var ordered clients.Quantity // EDIWheel's place for it; the OpenAPI's is in orderedArticle
	for c := m.members(n); c.next(); {
		switch {
		case c.is("lineId"):
			l.LineID = m.text(c.value)
		case c.is("orderedArticle"):
			m.article(c.value, &l)
		case c.is("orderedQuantity"):
			ordered = m.quantity(c.value)
		}
	}
	if !l.Ordered.Known {
		l.Ordered = ordered
	}
	return l
}

func (m *mapper) article(n node, l *clients.Line) {
	for c := m.members(n); c.next(); {
		switch {
		case c.is("articleIdentification"):
			l.ArticleID, l.BuyerArticleID, l.EAN = m.articleIDs(c.value)
		case c.is("articleDescription"):
			l.Description = m.description(c.value)
		case c.is("requestedDeliveryDate"):
			l.RequestedOn = m.date(c.value)
		case c.is("orderedQuantity"):
			l.Ordered = m.quantity(c.value)
		case c.is("scheduleDetails"):
			for s := m.each(c.value); s.next(); {
				if m.isObject(s.value) && m.use(scheduleBytes) {
					m.schedule(s.value, l)
				}
			}
		}
	}
}

// articleIDs reads articleIdentification: the numbers of the seller and of the buyer,
// and the EAN.
func (m *mapper) articleIDs(n node) (sellers, buyers, ean clients.Text) {
	for c := m.members(n); c.next(); {
		switch {
		case c.is("manufacturersArticleId"), c.is("suppliersArticleId"):
			keep(&sellers, clients.Text(m.text(c.value)))
		case c.is("buyersArticleId"):
			buyers = clients.Text(m.text(c.value))
		case c.is("eanuccarticleID"):
			ean = clients.Text(m.text(c.value))
		}
	}
	return sellers, buyers, ean
}

// description reads one text or a list of them.
func (m *mapper) description(n node) clients.Text {
	var words []string
	for c := m.members(n); c.next(); {
		if !c.is("articleDescriptionText") {
			continue
		}
		if c.value.kind() != '[' {
			words = append(words, m.text(c.value))
			continue
		}
		for t := c.value.each(); t.next(); {
			if word := m.text(t.value); word != "" && m.use(textBytes) {
				words = append(words, word)
			}
		}
	}
	return clients.Text(strings.Join(words, " "))
}

// schedule reads one entry of scheduleDetails. In variant 1 what was shipped stands
// in shippedDetails and is no longer among what is confirmed; in variant 0 the
// despatches stand in the entry itself, and what they took is taken off what is
// confirmed here.
func (m *mapper) schedule(n node, l *clients.Line) {
	var s clients.ScheduleLine
	var despatched clients.Quantity
	direct := false
	for c := m.members(n); c.next(); {
		switch {
		case c.is("deliveryDate"):
			s.DeliveryOn = m.date(c.value)
		case c.is("confirmedQuantity"):
			s.Confirmed = m.quantity(c.value)
		case c.is("backorderedQuantity"):
			s.Backordered = m.quantity(c.value)
		case c.is("cancelledQuantity"):
			s.Cancelled = m.quantity(c.value)
		case c.is("scheduledQuantity"):
			s.Scheduled = m.quantity(c.value)
		case c.is("openQuantity"):
			s.Open = m.quantity(c.value)
		case c.is("shippedDetails"):
			shipped, sum := m.shipped(c.value, l)
			s.Shipped, despatched = shipped, despatched.Plus(sum)
		case c.is("scheduledArticleDespatchDetails"):
			sum := m.despatches(c.value, l)
			despatched, direct = despatched.Plus(sum), true
		}
	}
	if !s.Shipped.Known {
		s.Shipped = despatched
		if direct && s.Confirmed.Known {
			s.Confirmed.N = max(0, s.Confirmed.N-despatched.N)
		}
	}
	l.Schedule = append(l.Schedule, s)
}

// shipped reads shippedDetails: what was shipped, and the sum of the despatches.
func (m *mapper) shipped(n node, l *clients.Line) (shipped, despatched clients.Quantity) {
	for c := m.members(n); c.next(); {
		switch {
		case c.is("shippedQuantity"):
			shipped = m.quantity(c.value)
		case c.is("despatchedDetails"):
			for d := m.members(c.value); d.next(); {
				if d.is("scheduledArticleDespatchDetails") {
					despatched = despatched.Plus(m.despatches(d.value, l))
				}
			}
		}
	}
	return shipped, despatched
}

// despatches adds the despatches to the line and returns their sum.
func (m *mapper) despatches(n node, l *clients.Line) (sum clients.Quantity) {
	for e := m.each(n); e.next(); {
		var d clients.Despatch
		for c := m.members(e.value); c.next(); {
			switch {
			case c.is("despatchDate"):
				d.DespatchedOn = m.date(c.value)
			case c.is("despatchAdviceReference"):
				d.AdviceID = clients.Text(m.documentID(c.value))
			case c.is("despatchedQuantity"):
				d.Quantity = m.quantity(c.value)
			}
		}
		if d == (clients.Despatch{}) || !m.use(despatchBytes) {
			continue // an empty object stands for none
		}
		l.Despatches = append(l.Despatches, d)
		sum = sum.Plus(d.Quantity)
	}
	return sum
}

// documentID reads {"documentId": …}.
func (m *mapper) documentID(n node) (id string) {
	for c := m.members(n); c.next(); {
		if c.is("documentId") {
			id = m.text(c.value)
		}
	}
	return id
}

// quantity reads {"quantityValue": …}, or the value alone.
func (m *mapper) quantity(n node) clients.Quantity {
	return within(m, n, "quantityValue", readQuantity)
}

// within reads {"<name>": …}, or the value alone.
func within[T any](m *mapper, n node, name string, parse func(string) (T, bool)) (v T) {
	if n.kind() != '{' {
		return read(m, n, parse)
	}
	for c := n.members(); c.next(); {
		if c.is(name) {
			v = read(m, c.value, parse)
		}
	}
	return v
}

func (m *mapper) date(n node) clients.Date { return read(m, n, readDate) }

func (m *mapper) text(n node) string {
	return read(m, n, func(s string) (string, bool) { return s, true })
}

// read reads a text or a number, and notes what cannot be read.
func read[T any](m *mapper, n node, parse func(string) (T, bool)) (v T) {
	if s, ok := n.text(); ok {
		if v, ok = parse(s); ok {
			return v
		}
	}
	m.unread(n)
	return v
}

// members walks over an object. What is neither an object nor null is noted.
func (m *mapper) members(n node) cursor {
	m.isObject(n)
	return n.members()
}

// isObject reports whether n is an object. What is neither that nor null is noted.
func (m *mapper) isObject(n node) bool {
	k := n.kind()
	if k != '{' && k != 'n' {
		m.unread(n)
	}
	return k == '{'
}

// each walks over a list or its only element. What is neither is noted.
func (m *mapper) each(n node) cursor {
	if k := n.kind(); k != '[' && k != '{' && k != 'n' {
		m.unread(n)
	}
	return n.each()
}

// maxUnmapped is how many values are noted of an order that cannot be read: finding out
// where one stands takes a walk over the order.
const maxUnmapped = 20

// unread notes a value that could not be read.
func (m *mapper) unread(n node) {
	if len(m.unmapped) >= maxUnmapped {
		return
	}
	const most = 40 // characters
	var line bytes.Buffer
	_ = json.Compact(&line, n) // it is JSON
	value := []rune(strings.Trim(string(line.Next(4*most)), `"`))
	m.unmapped = append(m.unmapped, m.root.pathTo(n)+": "+string(value[:min(len(value), most)]))
}
