package michelin

import (
	"slices"

	"orderbeat/clients"
)

// advice reads one entry of desadv. The OpenAPI calls its documentNumber the bill of
// lading, and lists that among the references too, as "DQ".
func (m *mapper) advice(a *clients.Advice) (trouble problem) {
	for c := m.root.members(); c.next(); {
		switch {
		case c.is("error"):
			trouble = m.problem(c.value)
		case c.is("documentNumber"):
			keep(&a.AdviceID, m.text(c.value))
		case c.is("issueDate"):
			a.IssuedOn = m.date(c.value)
		case c.is("despatchDate"):
			a.DespatchedOn = m.date(c.value)
		case c.is("arrivalDate"):
			a.ExpectedOn = m.date(c.value)
		case c.is("carrierParty"):
			a.Carrier = m.partyID(c.value)
		case c.is("consignee"):
			a.ShipTo = m.partyID(c.value)
		case c.is("totalQuantity"):
			a.Quantity = m.quantity(c.value)
		case c.is("references"):
			m.references(c.value, func(r reference) {
				if r.is("DQ", "BM") {
					keep(&a.BillOfLading, r.id)
				}
			})
		case c.is("lineLevel"):
			for l := m.each(c.value); l.next(); {
				if m.isObject(l.value) && m.use(lineBytes) {
					a.Lines = append(a.Lines, m.adviceLine(l.value, a))
				}
			}
		}
	}
	keep(&a.BillOfLading, clients.Text(a.AdviceID))
	keep(&a.AdviceID, string(a.BillOfLading))
	a.Unmapped = m.unmapped
	return trouble
}

func (m *mapper) adviceLine(n node, a *clients.Advice) (l clients.AdviceLine) {
	for c := m.members(n); c.next(); {
		switch {
		case c.is("lineID"):
			l.LineID = clients.Text(m.text(c.value))
		case c.is("references"):
			m.references(c.value, func(r reference) {
				switch {
				case r.is("VN"):
					keep(&l.OrderID, r.id)
					keep(&l.OrderLineID, r.line)
				case r.is("ON"):
					keep(&l.Reference, r.id)
				case r.is("BM", "DQ"):
					keep(&a.BillOfLading, r.id)
				}
			})
		case c.is("orderedArticle"):
			m.despatchedArticle(c.value, &l, a)
		}
	}
	return l
}

// despatchedArticle reads what left. Tracking numbers are repeated at every line, and
// are kept once.
func (m *mapper) despatchedArticle(n node, l *clients.AdviceLine, a *clients.Advice) {
	for c := m.members(n); c.next(); {
		switch {
		case c.is("articleIdentification"):
			l.ArticleID, l.BuyerArticleID, l.EAN = m.articleIDs(c.value)
		case c.is("despatchedQuantity"):
			l.Quantity = m.quantity(c.value)
		case c.is("tracingInformation"):
			for t := m.each(c.value); t.next(); {
				m.named(t.value, "tracingID", func(n node) {
					if m.use(textBytes) {
						a.Tracking = append(a.Tracking, m.text(n))
					}
				})
			}
		}
	}
}

// reference is one entry of references.
type reference struct {
	code     string
	id, line clients.Text
}

func (r reference) is(codes ...string) bool { return slices.Contains(codes, r.code) }

// references calls use for every reference of a list, or for the only one in its place.
func (m *mapper) references(n node, use func(reference)) {
	for e := m.each(n); e.next(); {
		var r reference
		for c := m.members(e.value); c.next(); {
			switch {
			case c.is("referenceTypeCode"):
				r.code = m.text(c.value)
			case c.is("documentID"):
				r.id = clients.Text(m.text(c.value))
			case c.is("lineID"):
				r.line = clients.Text(m.text(c.value))
			}
		}
		use(r)
	}
}

// partyID reads who somebody is: the number or code or, where there is none, the name.
func (m *mapper) partyID(n node) (id clients.Text) {
	var name clients.Text
	for c := m.members(n); c.next(); {
		switch {
		case c.is("partyID"):
			id = clients.Text(m.text(c.value))
		case c.is("name") && c.value.kind() != '[':
			name = clients.Text(m.text(c.value))
		case c.is("name"):
			for t := c.value.each(); t.next(); {
				keep(&name, clients.Text(m.text(t.value)))
			}
		}
	}
	keep(&id, name)
	return id
}
