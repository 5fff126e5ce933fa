package sandbox

import (
	"encoding/json"
	"net/http"
)

// The paths are those of Michelin North America Order-to-Cash, OpenAPI 1.0.1.
const (
	michelinDesadvPath   = "/desadv/amn/C1_0/desadv"
	michelinInvoicesPath = "/invoice/amn/B3_4/invoices"
)

// maxDespatchDays is the widest range of despatch dates, counting both ends.
const maxDespatchDays = 5

// desadvRequest is EDIWheel-C1_0-DesadvRequest.
type desadvRequest struct {
	DocumentID text               `json:"documentID"`
	Variant    text               `json:"variant"`
	From       text               `json:"despatchFromDate"`
	To         text               `json:"despatchToDate"`
	BuyerParty requestParty       `json:"buyerParty"`
	Consignee  requestParty       `json:"consignee"`
	References neighbourReference `json:"references"`
}

func (q *desadvRequest) neighbour() neighbour {
	return neighbour{q.From, q.To, q.BuyerParty, q.Consignee, q.References}
}

// desadvBillTo is the bill-to that a request for despatch advices asks about.
func desadvBillTo(_ *http.Request, body []byte) string {
	var q desadvRequest
	if json.Unmarshal(body, &q) != nil {
		return ""
	}
	return string(q.BuyerParty.PartyID)
}

// desadv answers a request for despatch advices.
func (s *Sandbox) desadv(w http.ResponseWriter, r *http.Request, fault string) {
	var q desadvRequest
	account, ok := s.michelinQuestion(w, r, &q, func() text { return q.BuyerParty.PartyID })
	if !ok {
		return
	}
	n := q.neighbour()
	code := n.check(account, maxDespatchDays)
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
		found = s.findTrucks(&n, account)
	}
	if code != codeNone {
		s.counts.refused.Add(1)
	}
	answerJSON(w, http.StatusOK, newDesadvAnswer(code, found, account))
}

func (s *Sandbox) findTrucks(n *neighbour, account int) []truck {
	now := s.options.Now()
	if ref, ok := n.References.order(); ok {
		o, found := s.orders.byReference(account, ref, now)
		if !found {
			return nil
		}
		return o.trucks()
	}
	from, to, _ := n.window(maxDespatchDays)
	return s.orders.leaving(account, from, to, now)
}
