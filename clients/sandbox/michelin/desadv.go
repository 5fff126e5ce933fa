package michelin

import (
	"net/http"
	"strconv"

	"orderbeat/clients/sandbox/wire"
)

// The paths are those of Michelin North America Order-to-Cash, OpenAPI 1.0.1.
const (
	DesadvPath   = "/desadv/amn/C1_0/desadv"
	InvoicesPath = "/invoice/amn/B3_4/invoices"
)

// maxDespatchDays is the longest range of despatch dates, counting both ends.
const maxDespatchDays = 5

// desadvRequest is EDIWheel-C1_0-DesadvRequest.
type desadvRequest struct {
	documentsRequest

	DocumentID wire.Text `json:"documentID"`
	Variant    wire.Text `json:"variant"`
	From       wire.Text `json:"despatchFromDate"`
	To         wire.Text `json:"despatchToDate"`
}

// Desadv serves requests for despatch advices.
func (s *Server) Desadv(w http.ResponseWriter, r *http.Request, fault string) {
	var q desadvRequest
	account, ok := s.readRequest(w, r, &q)
	if !ok {
		return
	}
	code := q.check(account, window{q.From, q.To}, maxDespatchDays)
	switch {
	case q.DocumentID != "C1":
		code = codeDocument
	case q.Variant != "0":
		code = codeOther
	}
	var trucks []truck
	code, found := s.outcome(code, fault)
	if found {
		trucks = s.findTrucks(&q, account)
	}
	wire.WriteJSON(w, http.StatusOK, newDesadvAnswer(code, trucks, account))
}

func (s *Server) findTrucks(q *desadvRequest, account int) []truck {
	now := s.now()
	if ref, ok := q.References.order(); ok {
		o, found := s.orders.byReference(account, ref, now)
		if !found {
			return nil
		}
		return o.trucks()
	}
	from, to, _ := window{q.From, q.To}.days(maxDespatchDays)
	return s.orders.leaving(account, from, to, now)
}

// newDesadvAnswer is EDIWheel-C1_0-DesadvResponse with the trucks found, or an error with a code.
func newDesadvAnswer(code string, found []truck, account int) object {
	a := object{
		{"envelopeHeader", object{{"documentID", "C1"}, {"variant", "0"}, {"messageType", "desadv"}, {"numberOfMessages", len(found)}}},
		{"errorHead", errorHead(code)},
	}
	if code == codeNone || code == codePartial {
		a = append(a, member{"desadv", each(found, func(t *truck) object { return newDesadv(t, Parties[account]) })})
	}
	return a
}

// newDesadv renders a truck. The weight is invented: 25 lbs per piece.
func newDesadv(t *truck, p Party) object {
	consignee := object{
		{"partyID", p.ShipTo},
		{"agencyCode", agencyOfSeller},
		{"name", []string{"SAMPLE TIRE SHOP"}},
		{"address", object{
			{"street", []any{"1 SAMPLE STREET", nil, nil}}, {"city", "SAMPLETOWN"}, {"district", "MI"}, {"postCode", "00000"}, {"countryCode", "US"},
		}},
	}
	lines := make([]object, len(t.loads))
	for i, l := range t.loads {
		lines[i] = newDesadvLine(t, i, l)
	}
	return object{
		{"issueDate", t.date.String()},
		{"documentNumber", t.bol},
		{"measures", object{{"grossWeight", object{{"measure", 25 * t.pieces()}, {"measureUnitCode", "lbs"}}}}},
		{"despatchDate", t.date.String()},
		{"arrivalDate", t.arrives.String()},
		{"deliveryOption", []string{}},
		{"totalQuantity", desadvQuantity(t.pieces())},
		{"references", []object{typedReference("DQ", t.bol, "")}},
		{"buyerParty", object{{"partyID", p.BillTo}, {"agencyCode", agencyOfSeller}}},
		{"consignee", consignee},
		{"carrierParty", object{{"partyID", t.carrier()}, {"agencyCode", "182"}}},
		{"lineLevel", lines},
	}
}

func newDesadvLine(t *truck, i int, l load) object {
	references := []object{typedReference("BM", t.bol, ""), typedReference("VN", t.order.number, l.line.id)}
	if t.order.reference != "" {
		references = append(references, typedReference("ON", t.order.reference, l.line.customerItem))
	}
	var tracing []object
	for _, number := range t.tracking() {
		tracing = append(tracing, object{{"tracingID", number}})
	}
	return object{{"lineID", strconv.Itoa(i + 1)}, {"references", references}, {"orderedArticle", object{
		{"articleIdentification", object{{"manufacturersArticleID", l.line.article.id}}.unless("buyersArticleID", l.line.article.buyersID)},
		{"articleDescription", object{{"articleDescriptionText", []string{l.line.article.description}}}},
		{"despatchedQuantity", desadvQuantity(l.quantity)},
		{"deliveryOption", []string{}},
		{"tracingInformation", tracing},
	}}}
}

func typedReference(code, id, line string) object {
	return object{{"referenceTypeCode", code}, {"documentID", id}}.unless("lineID", line)
}

func desadvQuantity(n int) object { return object{{"quantityValue", n}, {"measureUnitCode", "PCE"}} }
