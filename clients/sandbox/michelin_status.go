package sandbox

import (
	"net/http"
	"slices"
	"strings"
)

// The header codes of order status, from Michelin North America Order-to-Cash,
// OpenAPI 1.0.1, errorHead. 901 also answers a reference that names no document.
const (
	codeNone       = "0"
	codePartial    = "1"
	codeDocument   = "901"
	codeConsignee  = "907"
	codeBuyer      = "915"
	codeDatesOrRef = "987"
	codeOther      = "999"
)

// maxWindowDays is the widest range of order dates, counting both ends.
const maxWindowDays = 90

// orderStatus answers order status. What the document itself gets wrong is told in a 200,
// in errorHead. fault is the error code to answer to a query that is right, or "".
func (s *Sandbox) orderStatus(w http.ResponseWriter, r *http.Request, fault string) {
	var q statusRequest
	account, ok := s.michelinQuestion(w, r, &q)
	if ok {
		answerJSON(w, http.StatusOK, s.statusDocument(q, account, fault))
	}
}

// statusDocument is the document that answers q, in the shape of its variant.
func (s *Sandbox) statusDocument(q statusRequest, account int, fault string) any {
	code := q.check(account)
	if code == codeNone && fault != "" {
		code = fault
	}
	var found []order
	if code == codeNone || code == codePartial {
		found = shown(s.find(q, account), string(q.Indicator))
	}
	if code != codeNone {
		s.counts.refused.Add(1)
	}
	if q.Variant == variantPortal {
		return newC10Answer(q, code, found)
	}
	return newC11Answer(q, code, found)
}

// find collects what was asked for: by reference, or by order date.
func (s *Sandbox) find(q statusRequest, account int) []order {
	now := s.options.Now()
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

// check returns the header code that q deserves. account is below zero when the
// bill-to is none of the client's.
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
	case !q.consigneeFits(michelinParties[account]):
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

// consigneeFits reports whether the ship-to is the account's. In the portal's profile
// it may be blank, which is taken to mean every ship-to; the OpenAPI document demands it.
func (q *statusRequest) consigneeFits(p michelinParty) bool {
	if q.Consignee.PartyID == "" {
		return q.Variant == variantPortal
	}
	return string(q.Consignee.PartyID) == p.ShipTo && q.Consignee.AgencyCode == agencyOfSeller
}

func (r reference) empty() bool {
	return r.SupplierOrderNumber.DocumentID == "" && r.OrderReference.DocumentID == ""
}

// shown keeps the lines that the indicator asks for: "0" those of which something
// waits, "1" the cancelled ones too, "2" all. An order without lines is left out.
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

// numeric reports whether the text is digits only, and some.
func numeric(t text) bool { return t != "" && strings.Trim(string(t), "0123456789") == "" }
