package sandbox

import "net/http"

const (
	// maxInvoiceDays is the widest range of issue dates, counting both ends.
	maxInvoiceDays = 30
	// maxInvoices is how many one answer has at most.
	maxInvoices = 100
)

// commercialInvoice is the only documentTypeCode there is here.
const commercialInvoice = "380"

// invoiceRequest is EDIWheel-B3_4-InvoiceListRequest. Of its list one element is
// understood.
type invoiceRequest struct {
	DocumentID text              `json:"documentID"`
	Variant    text              `json:"variant"`
	Invoice    []invoiceQuestion `json:"invoice"`
}

type invoiceQuestion struct {
	neighbour

	From       text `json:"invoiceIssueFromDate"`
	To         text `json:"invoiceIssueToDate"`
	TypeCode   text `json:"documentTypeCode"`
	Attachment text `json:"attachment"`
}

// question is the one that is asked, an empty one when there is none.
func (q *invoiceRequest) question() invoiceQuestion {
	if len(q.Invoice) == 0 {
		return invoiceQuestion{}
	}
	return q.Invoice[0]
}

// invoices answers a request for invoices. None of them has a PDF, whatever attachment
// asks for.
func (s *Sandbox) invoices(w http.ResponseWriter, r *http.Request, fault string) {
	var q invoiceRequest
	account, ok := s.michelinQuestion(w, r, &q)
	if !ok {
		return
	}
	asked := q.question()
	code := asked.check(account, window{asked.From, asked.To}, maxInvoiceDays)
	switch {
	case q.DocumentID != "B3", q.Variant != "" && q.Variant != "4", len(q.Invoice) != 1,
		asked.Attachment != "1" && asked.Attachment != "2" && asked.Attachment != "3":
		code = codeOther
	case code == codeNone && fault != "":
		code = fault
	}
	var found []bill
	if (code == codeNone || code == codePartial) && (asked.TypeCode == "" || asked.TypeCode == commercialInvoice) {
		found = s.findBills(&asked, account)
	}
	if code != codeNone {
		s.counts.refused.Add(1)
	}
	answerJSON(w, http.StatusOK, newInvoiceAnswer(code, found[:min(len(found), maxInvoices)], account))
}

func (s *Sandbox) findBills(q *invoiceQuestion, account int) []bill {
	now := s.options.Now()
	yesterday := now.Add(-s.options.Day)
	if ref, ok := q.References.order(); ok {
		o, found := s.orders.byReference(account, ref, yesterday)
		if b, billed := o.bill(); found && billed {
			return []bill{b}
		}
		return nil
	}
	from, to, _ := window{q.From, q.To}.days(maxInvoiceDays)
	return s.orders.billed(account, from, to, now, yesterday)
}
