package sandbox

import "net/http"

// The paths are those of Michelin North America Order-to-Cash, OpenAPI 1.0.1.
const (
	michelinDesadvPath   = "/desadv/amn/C1_0/desadv"
	michelinInvoicesPath = "/invoice/amn/B3_4/invoices"
)

// maxDespatchDays is the widest range of despatch dates, counting both ends.
const maxDespatchDays = 5

// desadvRequest is EDIWheel-C1_0-DesadvRequest.
type desadvRequest struct {
	neighbour

	DocumentID text `json:"documentID"`
	Variant    text `json:"variant"`
	From       text `json:"despatchFromDate"`
	To         text `json:"despatchToDate"`
}

// desadv answers a request for despatch advices.
func (s *Sandbox) desadv(w http.ResponseWriter, r *http.Request, fault string) {
	var q desadvRequest
	account, ok := s.michelinQuestion(w, r, &q)
	if !ok {
		return
	}
	code := q.check(account, window{q.From, q.To}, maxDespatchDays)
	switch {
	case q.DocumentID != "C1":
		code = codeDocument
	case q.Variant != "0":
		code = codeOther
	case code == codeNone && fault != "":
		code = fault
	}
	var found []truck
	if code == codeNone || code == codePartial {
		found = s.findTrucks(&q, account)
	}
	if code != codeNone {
		s.counts.refused.Add(1)
	}
	answerJSON(w, http.StatusOK, newDesadvAnswer(code, found, account))
}

func (s *Sandbox) findTrucks(q *desadvRequest, account int) []truck {
	now := s.options.Now()
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
