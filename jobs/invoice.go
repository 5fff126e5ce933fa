package jobs

import (
	"context"
	"encoding/json"
	"time"

	"orderbeat/clients"
)

// invoicesLookback is how far back invoices are asked for without params.
const invoicesLookback = "7d"

// planInvoice asks for the invoices of a window of issue dates ([readWindow]).
func planInvoice(params json.RawMessage, a clients.Account, t clients.Traits, now time.Time) ([]Question, error) {
	return planDocuments("invoices", params, invoicesLookback, t.MaxInvoiceDays, a, now)
}

func askInvoices(ctx context.Context, p clients.Provider, q clients.Query) (clients.Answer, error) {
	invoicer, ok := p.(clients.Invoicer)
	if !ok {
		return clients.Answer{}, &clients.Error{Op: "invoice", Code: clients.CodeInvalid, Message: "the provider cannot be asked for invoices"}
	}
	return invoicer.Invoices(ctx, q)
}
