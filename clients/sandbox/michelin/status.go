package michelin

import (
	"net/http"
	"slices"
	"strings"

	"orderbeat/clients/sandbox/wire"
)

// statusRequest is the body of an order status request. Both documented formats are read:
//
//   - the developer portal's sample: variant 0, numbers, an empty consignee;
//   - the OpenAPI document: variant "1", strings, a consignee.
type statusRequest struct {
	DocumentID   wire.Text    `json:"documentID"`
	Variant      wire.Text    `json:"variant"`
	Indicator    wire.Text    `json:"orderStatusIndicator"`
	From         wire.Text    `json:"orderDateFrom"`
	To           wire.Text    `json:"orderDateTo"`
	BuyerParty   requestParty `json:"buyerParty"`
	Consignee    requestParty `json:"consignee"`
	ReferencedTo []reference  `json:"referencedOrder"`
}

type requestParty struct {
	PartyID    wire.Text `json:"partyID"`
	AgencyCode wire.Text `json:"agencyCode"`
}

// reference requests an order by Michelin's number, by the customer's, or by both. The article
// numbers that the OpenAPI document allows here are ignored.
type reference struct {
	SupplierOrderNumber documentRef `json:"supplierOrderNumber"`
	OrderReference      documentRef `json:"orderReference"`
}

type documentRef struct {
	DocumentID wire.Text `json:"documentID"`
}

// The variants in the two formats.
const (
	variantPortal  = "0"
	variantOpenAPI = "1"
)

// The header codes of order status, from Michelin North America Order-to-Cash, OpenAPI 1.0.1,
// errorHead. 901 is also the response to a reference without a document.
const (
	codeNone       = "0"
	codePartial    = "1"
	codeDocument   = "901"
	codeConsignee  = "907"
	codeBuyer      = "915"
	codeDatesOrRef = "987"
	codeOther      = "999"
)

// maxWindowDays is the longest range of order dates, counting both ends.
const maxWindowDays = 90

// OrderStatus serves order status. Errors in the document are returned in a 200, in errorHead. fault
// is the error code for a valid request, or "".
func (s *Server) OrderStatus(w http.ResponseWriter, r *http.Request, fault string) {
	var q statusRequest
	account, ok := s.readRequest(w, r, &q)
	if ok {
		wire.WriteJSON(w, http.StatusOK, s.statusDocument(q, account, fault))
	}
}

func (s *Server) statusDocument(q statusRequest, account int, fault string) any {
	var orders []order
	code, found := s.outcome(q.check(account), fault)
	if found {
		orders = shown(s.find(q, account), string(q.Indicator))
	}
	if q.Variant == variantPortal {
		return newC10Answer(q, code, orders)
	}
	return newC11Answer(q, code, orders)
}

func (s *Server) find(q statusRequest, account int) []order {
	now := s.now()
	if account < 0 {
		return nil
	}
	if len(q.ReferencedTo) == 0 {
		from, to, _ := window{q.From, q.To}.days(maxWindowDays)
		return s.orders.between(account, from, to, now)
	}
	var found []order
	for _, ref := range q.ReferencedTo {
		o, ok := s.orders.byReference(account, ref, now)
		if ok && !slices.ContainsFunc(found, func(other order) bool { return other.number == o.number }) {
			found = append(found, o)
		}
	}
	return found
}

// check returns the header code for q. account is below zero if the bill-to is unknown.
func (q *statusRequest) check(account int) string {
	byReference := len(q.ReferencedTo) > 0
	byDate := q.From != "" || q.To != ""
	_, _, inRange := window{q.From, q.To}.days(maxWindowDays)
	switch {
	case q.DocumentID != "C1":
		return codeDocument
	case q.Variant != variantPortal && q.Variant != variantOpenAPI:
		return codeOther
	case q.Indicator != "0" && q.Indicator != "1" && q.Indicator != "2":
		return codeOther
	case account < 0 || q.BuyerParty.AgencyCode != agencyOfSeller:
		return codeBuyer
	case !q.consigneeFits(Parties[account]):
		return codeConsignee
	case byReference && byDate:
		return codeDatesOrRef
	case byReference && slices.ContainsFunc(q.ReferencedTo, reference.empty):
		return codeDocument
	case !byReference && !inRange:
		return codeOther
	}
	return codeNone
}

// consigneeFits reports whether the ship-to is the account's. In the portal's format it may be empty,
// which means every ship-to; the OpenAPI document requires it.
func (q *statusRequest) consigneeFits(p Party) bool {
	if q.Consignee.PartyID == "" {
		return q.Variant == variantPortal
	}
	return string(q.Consignee.PartyID) == p.ShipTo && q.Consignee.AgencyCode == agencyOfSeller
}

func (r reference) empty() bool {
	return r.SupplierOrderNumber.DocumentID == "" && r.OrderReference.DocumentID == ""
}

// shown selects lines by the indicator: "0" open lines, "1" open and cancelled lines, "2" all. An order
// without lines is omitted.
func shown(orders []order, indicator string) []order {
	if indicator == "2" {
		return orders
	}
	kept := orders[:0]
	for _, o := range orders {
		o.lines = slices.DeleteFunc(o.lines, func(l line) bool {
			return !l.has(state.waits) && (indicator == "0" || !l.has(state.cancelled))
		})
		if len(o.lines) > 0 {
			kept = append(kept, o)
		}
	}
	return kept
}

func numeric(t wire.Text) bool { return t != "" && strings.Trim(string(t), "0123456789") == "" }
