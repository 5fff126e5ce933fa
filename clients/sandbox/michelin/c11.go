package michelin

import (
	"strconv"

	"orderbeat/clients/sandbox/wire"
)

// agencyOfSeller means that the seller assigned a number (EDIWheel agency code 91).
const agencyOfSeller = "91"

// The response of variant "1" is EDIWheel-C1_1-OrderStatusResponse of Michelin North America
// Order-to-Cash, OpenAPI 1.0.1, with the same casing. Where that document requires a member under a different
// name or in a different place than it describes, both are sent: a consignee's partyID, and a line's
// orderedQuantity. Quantities are numbers in quotes; null means none.

// newC11Answer renders the orders found, or an error with a code.
func newC11Answer(q statusRequest, code string, found []order) object {
	party := func(id wire.Text) object {
		return object{{"partyID", id}, {"agencyCode", agencyOfSeller}, {"name", []string{}}, {"address", nil}, {"informationContact", nil}}
	}
	consignee := q.Consignee.PartyID
	a := append(statusAnswer(q, variantOpenAPI, code), object{
		{"buyerParty", party(q.BuyerParty.PartyID)},
		{"orderingParty", nil},
		{"consignee", append(party(consignee), member{"partyId", consignee})}, // partyID is required, partyId is described
	}...)
	if code == codeNone || code == codePartial {
		a = append(a, member{"referencedOrder", each(found, newC11Order)})
	}
	return a
}

// statusAnswer is common to both variants. A date range is echoed if it was sent.
func statusAnswer(q statusRequest, variant, code string) object {
	return object{{"documentID", "C1"}, {"variant", variant}, {"errorHead", errorHead(code)}, {"orderStatusIndicator", q.Indicator}}.
		unless("orderDateFrom", string(q.From)).unless("orderDateTo", string(q.To))
}

func errorHead(code string) object { return object{{"errorCode", code}} }

func newC11Order(o *order) object {
	return object{
		{"error", nil},
		{"orderDate", o.date.String()},
		{"supplierOrderNumber", object{{"documentId", o.number}}},
		{"orderingMethod", o.method},
		{"orderReference", object{{"documentId", o.reference}}},
		{"pickUp", nil},
		{"deliveryOption", nil},
		{"sellerParty", nil},
		{"supplierParty", nil},
		{"contract", nil},
		{"orderLine", each(o.lines, newC11Line)},
	}
}

func newC11Line(l *line) object {
	ean := any(l.article.ean)
	if ean == "" {
		ean = nil
	}
	return object{
		{"lineId", l.id},
		{"customerLineItemNumber", l.customerItem},
		{"additionalCustomerReferenceNumber", nil},
		{"orderedQuantity", c11Quantity(l.ordered)},
		{"orderedArticle", object{
			{"articleIdentification", object{{"buyersArticleId", l.article.buyersID}, {"manufacturersArticleId", l.article.id}, {"eanuccarticleID", ean}}},
			{"articleDescription", object{{"articleDescriptionText", l.article.description}}},
			{"requestedDeliveryDate", l.requested.String()},
			{"requestedDeliveryTime", nil},
			{"articleComment", nil},
			{"scheduleDetails", each(l.parts, newC11Schedule)},
			{"orderedQuantity", c11Quantity(l.ordered)},
		}},
	}
}

// newC11Schedule puts a part's quantity into the member of its state.
func newC11Schedule(p *part) object {
	w := object{{"deliveryDate", p.due.String()}, {"deliveryTime", "00:00:00Z"}}
	for _, q := range []struct {
		name string
		of   state
	}{
		{"confirmedQuantity", confirmed},
		{"backorderedQuantity", backordered},
		{"cancelledQuantity", cancelled},
		{"scheduledQuantity", scheduled},
		{"openQuantity", open},
	} {
		var quantity any
		if p.state == q.of {
			quantity = c11Quantity(p.quantity)
		}
		w = append(w, member{q.name, quantity})
	}
	return append(w, member{"shippedDetails", c11Shipped(p)})
}

// c11Shipped is nil if nothing was shipped.
func c11Shipped(p *part) any {
	if p.state != shipped {
		return nil
	}
	return object{
		{"shippedQuantity", c11Quantity(p.quantity)},
		{"despatchedDetails", object{{"scheduledArticleDespatchDetails", despatchDetails(p, "documentId", "lineId", c11Quantity)}}},
	}
}

// despatchDetails is common to both variants, which spell ids and quantities differently.
func despatchDetails(p *part, documentID, lineID string, quantity func(int) object) []object {
	details := make([]object, len(p.despatches))
	for i, d := range p.despatches {
		details[i] = object{
			{"despatchDate", d.date.String()},
			{"despatchAdviceReference", object{{documentID, d.bol}, {lineID, strconv.Itoa(i + 1)}}},
			{"despatchedQuantity", quantity(d.quantity)},
		}
	}
	return details
}

func c11Quantity(n int) object { return object{{"quantityValue", strconv.Itoa(n)}} }
