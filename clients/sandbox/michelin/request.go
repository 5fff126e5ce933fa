package michelin

import (
	"encoding/json"
	"io"
	"net/http"
	"slices"

	"orderbeat/clients/sandbox/clock"
	"orderbeat/clients/sandbox/wire"
)

// readRequest reads a request of Michelin's API into q. It rejects invalid HTTP with an empty
// JSON object, and a missing token with an empty body, as the developer portal says; then it returns
// false. account is below zero if the bill-to is unknown.
func (s *Server) readRequest(w http.ResponseWriter, r *http.Request, q any) (account int, ok bool) {
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
		wire.WriteJSON(w, http.StatusForbidden, struct{}{})
		return 0, false
	}
	return account, true
}

func (s *Server) refuse(w http.ResponseWriter, status int) {
	s.Counts.Refused.Add(1)
	wire.WriteJSON(w, status, struct{}{})
}

// documentsRequest has the members that requests for despatch advices and invoices have in common.
type documentsRequest struct {
	BuyerParty requestParty      `json:"buyerParty"`
	Consignee  requestParty      `json:"consignee"`
	References documentReference `json:"references"`
}

// documentReference requests one order by number. Examples in the OpenAPI document write its members in
// a different casing than the schema; both are accepted.
type documentReference struct {
	TypeCode   wire.Text `json:"referenceTypeCode"`
	DocumentID wire.Text `json:"documentID"`
}

// order returns the requested order: "VN" is Michelin's number, "ON" the customer's.
func (r documentReference) order() (ref reference, ok bool) {
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

// check returns the header code for a date range of at most mostDays days. Without a consignee the whole
// bill-to is meant.
func (q *documentsRequest) check(account int, w window, mostDays int) string {
	byReference := q.References != documentReference{}
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

// days parses a date range, and reports whether it is allowed.
func (w window) days(most int) (from, to clock.Date, ok bool) {
	from, errFrom := clock.ParseDate(string(w.from))
	to, errTo := clock.ParseDate(string(w.to))
	return from, to, errFrom == nil && errTo == nil && from <= to && to-from < clock.Date(most)
}
