package michelin

import (
	"encoding/json"
	"io"
	"net/http"
	"slices"

	"orderbeat/clients/sandbox/clock"
	"orderbeat/clients/sandbox/wire"
)

// michelinQuestion reads a request of Michelin's API into q. What HTTP can refuse it
// refuses with an empty JSON object, a missing token with nothing at all, as the
// developer portal says; then it reports false. account is below zero when the bill-to
// is none.
func (s *Server) michelinQuestion(w http.ResponseWriter, r *http.Request, q any) (account int, ok bool) {
	if !s.authorized(r) {
		s.Counts.Unauthorized.Add(1)
		w.WriteHeader(http.StatusUnauthorized)
		return 0, false
	}
	if wire.ContentType(r) != "application/json" {
		s.refuse(w, http.StatusUnsupportedMediaType)
		return 0, false
	}
	body, err := io.ReadAll(r.Body)
	if err != nil || json.Unmarshal(body, q) != nil {
		s.refuse(w, http.StatusBadRequest)
		return 0, false
	}
	asked := BillTo(r, body)
	account = slices.IndexFunc(Parties, func(p Party) bool { return p.BillTo == asked })
	if account < 0 && numeric(wire.Text(asked)) {
		s.Counts.Forbidden.Add(1)
		wire.AnswerJSON(w, http.StatusForbidden, struct{}{})
		return 0, false
	}
	return account, true
}

func (s *Server) refuse(w http.ResponseWriter, status int) {
	s.Counts.Refused.Add(1)
	wire.AnswerJSON(w, status, struct{}{})
}

// neighbour is what the questions about despatch advices and invoices have in common.
type neighbour struct {
	BuyerParty requestParty       `json:"buyerParty"`
	Consignee  requestParty       `json:"consignee"`
	References neighbourReference `json:"references"`
}

// neighbourReference asks by one number. Examples of the OpenAPI document write the
// names of its members with another casing than the schema; both are understood.
type neighbourReference struct {
	TypeCode   wire.Text `json:"referenceTypeCode"`
	DocumentID wire.Text `json:"documentID"`
}

// order is the order that is asked for: "VN" by Michelin's number, "ON" by the customer's.
func (r neighbourReference) order() (ref reference, ok bool) {
	switch r.TypeCode {
	case "VN":
		ref.SupplierOrderNumber.DocumentID = r.DocumentID
	case "ON":
		ref.OrderReference.DocumentID = r.DocumentID
	default:
		return ref, false
	}
	return ref, r.DocumentID != ""
}

// check returns the header code that the question about a window deserves, when it may have so
// many days. A consignee is not needed: without one all of the bill-to's are meant.
func (q *neighbour) check(account int, w window, mostDays int) string {
	byReference := q.References != neighbourReference{}
	_, byName := q.References.order()
	_, _, inRange := w.days(mostDays)
	switch {
	case account < 0 || q.BuyerParty.AgencyCode != agencyOfSeller:
		return codeBuyer
	case q.Consignee.PartyID != "" && string(q.Consignee.PartyID) != Parties[account].ShipTo:
		return codeConsignee
	case byReference && w != window{}:
		return codeDatesOrRef
	case byReference && !byName, !byReference && !inRange:
		return codeOther
	}
	return codeNone
}

// window is a range of dates, both included.
type window struct{ from, to wire.Text }

// days reads a window, and reports whether it may be asked about.
func (w window) days(most int) (from, to clock.Date, ok bool) {
	from, errFrom := clock.ParseDate(string(w.from))
	to, errTo := clock.ParseDate(string(w.to))
	return from, to, errFrom == nil && errTo == nil && from <= to && to-from < clock.Date(most)
}
