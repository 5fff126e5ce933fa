package jobs

import (
	"context"

	"orderbeat/clients"
)

// advicesLookback is how far back despatch advices are asked for without params: with
// today five days, which Michelin takes as one question.
const advicesLookback = "4d"

// documentsHint is that of a partial answer about documents.
const documentsHint = "what could be read was stored; the rest is asked for again with the next run"

// planDespatch asks for the despatch advices of a window of despatch dates ([readWindow]).
func planDespatch(p Planning) ([]Question, error) {
	return planDocuments("despatch advices", p, advicesLookback, p.Traits.MaxDespatchDays)
}

// planDocuments asks for the documents of a window, cut into what the provider takes at
// once; most is 0 where it cannot be asked for them at all.
func planDocuments(what string, p Planning, usual string, most int) ([]Question, error) {
	if most == 0 {
		return nil, Invalid("the provider cannot be asked for "+what, "ask one that can")
	}
	from, to, err := readWindow(p, usual, 0)
	if err != nil {
		return nil, err
	}
	return windows(from, to, most), nil
}

func askAdvices(ctx context.Context, p clients.Provider, q clients.Query) (clients.Answer, error) {
	adviser, ok := p.(clients.DespatchSource)
	if !ok {
		return clients.Answer{}, &clients.Error{Op: "despatch", Code: clients.CodeInvalid, Message: "the provider cannot be asked for despatch advices"}
	}
	return adviser.Advices(ctx, q)
}

// invoicesLookback is how far back invoices are asked for without params.
const invoicesLookback = "7d"

// planInvoice asks for the invoices of a window of issue dates ([readWindow]).
func planInvoice(p Planning) ([]Question, error) {
	return planDocuments("invoices", p, invoicesLookback, p.Traits.MaxInvoiceDays)
}

func askInvoices(ctx context.Context, p clients.Provider, q clients.Query) (clients.Answer, error) {
	invoicer, ok := p.(clients.InvoiceSource)
	if !ok {
		return clients.Answer{}, &clients.Error{Op: "invoice", Code: clients.CodeInvalid, Message: "the provider cannot be asked for invoices"}
	}
	return invoicer.Invoices(ctx, q)
}
