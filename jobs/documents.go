package jobs

import (
	"context"

	"orderbeat/clients"
)

// advicesLookback is the default lookback for despatch advices: five days including today, which
// is the limit of one Michelin request.
const advicesLookback = "4d"

// documentsHint is the hint for a partial response with documents.
const documentsHint = "The readable documents were stored. The next run requests the rest again."

// planDespatch plans the despatch advices of a window of despatch dates ([readWindow]).
func planDespatch(p Planning) ([]Question, error) {
	return planDocuments("despatch advices", p, advicesLookback, p.Traits.MaxDespatchDays)
}

// planDocuments plans the documents of a window, cut into windows of at most maxDays days.
// maxDays is 0 if the provider does not support these documents.
func planDocuments(what string, p Planning, lookback string, maxDays int) ([]Question, error) {
	if maxDays == 0 {
		return nil, Invalid("the provider does not support "+what, "Choose a provider that supports them.")
	}
	from, to, err := readWindow(p, lookback, 0)
	if err != nil {
		return nil, err
	}
	return windows(from, to, maxDays), nil
}

func requestAdvices(ctx context.Context, p clients.Provider, q clients.Query) (clients.Answer, error) {
	source, ok := p.(clients.DespatchSource)
	if !ok {
		return clients.Answer{}, &clients.Error{Op: "despatch", Code: clients.CodeInvalid, Message: "the provider does not support despatch advices"}
	}
	return source.Advices(ctx, q)
}

// invoicesLookback is the default lookback for invoices.
const invoicesLookback = "7d"

// planInvoice plans the invoices of a window of issue dates ([readWindow]).
func planInvoice(p Planning) ([]Question, error) {
	return planDocuments("invoices", p, invoicesLookback, p.Traits.MaxInvoiceDays)
}

func requestInvoices(ctx context.Context, p clients.Provider, q clients.Query) (clients.Answer, error) {
	source, ok := p.(clients.InvoiceSource)
	if !ok {
		return clients.Answer{}, &clients.Error{Op: "invoice", Code: clients.CodeInvalid, Message: "the provider does not support invoices"}
	}
	return source.Invoices(ctx, q)
}
