package michelin

import "orderbeat/clients"

// invoiceTypes are the OpenAPI's documentTypeCode.
var invoiceTypes = map[string]clients.InvoiceType{
	"380": clients.InvoiceCommercial, "381": clients.InvoiceCredit, "383": clients.InvoiceDebit,
}

// invoice reads one entry of invoice. Who pays, whom and how is left out.
func (m *mapper) invoice(i *clients.Invoice) (trouble problem) {
	for c := m.root.members(); c.next(); {
		switch {
		case c.is("error"):
			trouble = m.problem(c.value)
		case c.is("documentNumber"):
			keep(&i.Number, m.text(c.value))
		case c.is("documentTypeCode"):
			i.Type = read(m, c.value, func(code string) (clients.InvoiceType, bool) {
				t, known := invoiceTypes[code]
				return t, known || code == ""
			})
		case c.is("issueDate"):
			i.InvoicedOn = m.date(c.value)
		case c.is("documentCurrency"):
			i.Currency = clients.Text(m.text(c.value))
		case c.is("consignee"):
			i.ShipTo = m.partyID(c.value)
		case c.is("paymentTerms"):
			i.DueOn = m.due(c.value)
		case c.is("summary"):
			i.TotalAmount = m.total(c.value)
		case c.is("lineLevel"):
			for l := m.each(c.value); l.next(); {
				if m.isObject(l.value) && m.use(lineBytes) {
					var line clients.InvoiceLine
					m.invoiceLine(l.value, &line, true)
					i.Lines = append(i.Lines, line)
				}
			}
		}
	}
	i.Unmapped = m.unmapped
	return trouble
}

// due is the first day of all payments.
func (m *mapper) due(n node) (first clients.Date) {
	for terms := m.each(n); terms.next(); {
		m.named(terms.value, "paymentNet", func(n node) {
			for net := m.each(n); net.next(); {
				m.named(net.value, "paymentDueDate", func(n node) {
					if d := m.date(n); d != "" && (first == "" || d < first) {
						first = d
					}
				})
			}
		})
	}
	return first
}

func (m *mapper) total(n node) (total clients.Amount) {
	m.named(n, "totalAmount", func(n node) { total = m.amount(n) })
	return total
}

// named calls use for the member of an object that has the name.
func (m *mapper) named(n node, name string, use func(node)) {
	for c := m.members(n); c.next(); {
		if c.is(name) {
			use(c.value)
		}
	}
}

// invoiceLine reads an entry of lineLevel. The OpenAPI has most of it one level down, in
// article; either place will do.
func (m *mapper) invoiceLine(n node, l *clients.InvoiceLine, outer bool) {
	for c := m.members(n); c.next(); {
		switch {
		case c.is("lineID"):
			l.LineID = clients.Text(m.text(c.value))
		case c.is("references"):
			m.invoiceReferences(c.value, l)
		case c.is("article") && outer:
			m.invoiceLine(c.value, l, false)
		case c.is("articleIdentification"):
			l.ArticleID, l.BuyerArticleID, l.EAN = m.articleIDs(c.value)
		case c.is("invoicedQuantity"):
			l.Quantity = within(m, c.value, "quantityValue", readSigned)
		case c.is("priceDetails"):
			l.UnitPrice = m.unitPrice(c.value)
		case c.is("lineItemNetAmount"):
			l.NetAmount = m.amount(c.value)
		case c.is("lineItemTotalAmount"):
			l.TotalAmount = m.amount(c.value)
		}
	}
}

// invoiceReferences reads the references of a line: an object of named ones or, as
// despatch advices have it, typed ones.
func (m *mapper) invoiceReferences(n node, l *clients.InvoiceLine) {
	for e := m.each(n); e.next(); {
		for c := m.members(e.value); c.next(); {
			switch {
			case c.is("deliveryNoteReference"):
				m.references(c.value, func(r reference) { keep(&l.BillOfLading, r.id) })
			case c.is("suppliersOrderReference"):
				m.references(c.value, func(r reference) { keep(&l.OrderID, r.id); keep(&l.OrderLineID, r.line) })
			case c.is("buyerOrderReference"):
				m.references(c.value, func(r reference) { keep(&l.Reference, r.id) })
			}
		}
	}
	m.references(n, func(r reference) {
		switch {
		case r.is("DQ", "BM"):
			keep(&l.BillOfLading, r.id)
		case r.is("VN"):
			keep(&l.OrderID, r.id)
			keep(&l.OrderLineID, r.line)
		case r.is("ON"):
			keep(&l.Reference, r.id)
		}
	})
}

// unitPrice is the net price or, where there is none, the gross one.
func (m *mapper) unitPrice(n node) clients.Amount {
	var net, gross clients.Amount
	for c := m.members(n); c.next(); {
		switch {
		case c.is("netUnitPrice"):
			net = within(m, c.value, "priceAmount", readAmount)
		case c.is("grossUnitPrice"):
			gross = within(m, c.value, "priceAmount", readAmount)
		}
	}
	keep(&net, gross)
	return net
}

func (m *mapper) amount(n node) clients.Amount { return within(m, n, "amountValue", readAmount) }
