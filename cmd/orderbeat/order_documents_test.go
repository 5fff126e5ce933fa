package main // an inside test: a main package cannot be imported

import (
	"encoding/json"
	"testing"
	"time"

	"orderbeat/clients"
	"orderbeat/cmd/orderbeat/cli"
	"orderbeat/db/documents"
	"orderbeat/db/outbox"
	"orderbeat/jobs"
)

// accompanied is a furnished configuration whose order SO1 has an invoice and a despatch advice
// that got a tracking number later.
func accompanied(t *testing.T) (path string) {
	t.Helper()
	path, _ = furnished(t)
	k := newDatabase(t, path)
	a := clients.Advice{
		Provider: "michelin", Account: "detroit", AdviceID: "BOL9", BillOfLading: "BOL9", DespatchedOn: "2024-11-14", ExpectedOn: "2024-11-16", Carrier: "SMPA",
		Lines: []clients.AdviceLine{
			{LineID: "1", OrderID: "SO1", Quantity: clients.Pieces(2)},
			{LineID: "2", OrderID: "SO8", Quantity: clients.Pieces(9)},
		},
	}
	tracked := a
	tracked.Tracking = []string{"SAMPLE1", "SAMPLE2\x1b[31m"}
	i := clients.Invoice{
		Provider: "michelin", Account: "detroit", Number: "100000000001", Type: clients.InvoiceCommercial, InvoicedOn: "2024-11-15", DueOn: "2024-12-15",
		Currency: "USD", TotalAmount: "326.40", Lines: []clients.InvoiceLine{{LineID: "10", OrderID: "SO1", NetAmount: "326.40"}},
	}
	a.Normalize()
	tracked.Normalize()
	i.Normalize()
	for n, told := range []jobs.Outcome{
		{Advices: []clients.Advice{a}}, {Advices: []clients.Advice{tracked}, Invoices: []clients.Invoice{i}},
	} {
		told.State = jobs.Succeeded
		k.run(noon.Add(time.Duration(n+2)*time.Hour), map[string]jobs.Outcome{"detroit": told, "toledo": {State: jobs.Succeeded}})
	}
	return path
}

func TestOrderShowsShipmentsAndInvoices(t *testing.T) {
	got := do(t, "order", "SO1", "--config", accompanied(t))
	if got.status != cli.Done {
		t.Fatal(got.stderr)
	}
	golden(t, "order-documents.txt", got.stdout)
}

func TestOrderAsJSONHasItsDocuments(t *testing.T) {
	path := accompanied(t)
	var reply struct {
		documents.OrderDocuments

		Events []outbox.Event `json:"events"`
	}
	if err := json.Unmarshal([]byte(do(t, "order", "SO1", "--json", "--config", path).stdout), &reply); err != nil {
		t.Fatal(err)
	}
	if len(reply.Advices) != 1 || len(reply.Advices[0].Tracking) != 2 || len(reply.Invoices) != 1 || len(reply.Events) != 5 || reply.Events[4].Invoice == nil {
		t.Errorf("got %d advices, %d invoices and %d events", len(reply.Advices), len(reply.Invoices), len(reply.Events))
	}
	var without map[string]any
	if err := json.Unmarshal([]byte(do(t, "order", "SO2", "--json", "--config", path).stdout), &without); err != nil {
		t.Fatal(err)
	}
	if list, ok := without["despatch_advices"].([]any); !ok || len(list) != 0 {
		t.Errorf("an order without: got %v, want empty lists", without["despatch_advices"])
	}
}
