package jobs

import (
	"context"

	"orderbeat/clients"
)

// invoicesLookback is how far back invoices are asked for without params.
const invoicesLookback = "7d"

// planInvoice asks for the invoices of a window of issue dates ([readWindow]).
func planInvoice(p Planning) ([]Question, error) {
	return planDocuments("invoices", p, invoicesLookback, p.Traits.MaxInvoiceDays)
}

func askInvoices(ctx context.Context, p clients.Provider, q clients.Query) (clients.Answer, error) {
	invoicer, ok := p.(clients.Invoicer)
	if !ok {
		return clients.Answer{}, &clients.Error{Op: "invoice", Code: clients.CodeInvalid, Message: "the provider cannot be asked for invoices"}
	}
	return invoicer.Invoices(ctx, q)
}
