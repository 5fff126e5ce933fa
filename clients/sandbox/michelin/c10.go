package michelin

import "orderbeat/clients/sandbox/wire"

// The response of variant "0". No document of Michelin North America describes it; it is based on what is
// known of EDIWheel's C1.0, Michelin's worldwide order status API 1.2.0: despatches are directly
// under scheduleDetails, quantities are numbers, an order's error is always present, and all names
// end in ID.
//
// It has no members for backordered, scheduled and shipped quantities. Therefore open and backordered quantities are
// openQuantity, confirmed and scheduled ones are confirmedQuantity (a scheduled one has a delivery date),
// and shipped ones are in the despatches. Other quantities are omitted.

// newC10Answer renders the orders found, or an error with a code.
func newC10Answer(q statusRequest, code string, found []order) object {
	party := func(id wire.Text) object { return object{{"partyID", id}, {"agencyCode", agencyOfSeller}} }
	a := append(statusAnswer(q, variantPortal, code), object{
		{"buyerParty", party(q.BuyerParty.PartyID)},
		{"consignee", party(q.Consignee.PartyID)},
	}...)
	if code == codeNone || code == codePartial {
		a = append(a, member{"referencedOrder", each(found, newC10Order)})
	}
	return a
}

func newC10Order(o *order) object {
	return object{
		{"error", errorHead(codeNone)},
		{"orderDate", o.date.String()},
		{"supplierOrderNumber", object{{"documentID", o.number}}},
		{"orderingMethod", o.method},
		{"orderReference", object{{"documentID", o.reference}}},
		{"orderLine", each(o.lines, newC10Line)},
	}
}

func newC10Line(l *line) object {
	article := object{
		{"articleIdentification", object{{"manufacturersArticleID", l.article.id}}.
			unless("buyersArticleID", l.article.buyersID).unless("eanuccArticleID", l.article.ean)},
		{"articleDescription", object{{"articleDescriptionText", l.article.description}}},
		{"requestedDeliveryDate", l.requested.String()},
		{"orderedQuantity", c10Quantity(l.ordered)},
		{"scheduleDetails", each(l.parts, newC10Schedule)},
	}
	return object{{"lineID", l.id}, {"orderedArticle", article}}.unless("customerLineItemNumber", l.customerItem)
}

func newC10Schedule(p *part) object {
	var quantity member
	switch p.state {
	case open, backordered:
		quantity = member{"openQuantity", c10Quantity(p.quantity)}
	case confirmed, scheduled:
		quantity = member{"confirmedQuantity", c10Quantity(p.quantity)}
	case cancelled:
		quantity = member{"cancelledQuantity", c10Quantity(p.quantity)}
	case shipped:
		quantity = member{"scheduledArticleDespatchDetails", despatchDetails(p, "documentID", "lineID", c10Quantity)}
	}
	return object{{"deliveryDate", p.due.String()}, quantity}
}

func c10Quantity(n int) object { return object{{"quantityValue", n}} }
