package clients_test

import (
	"encoding/json"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"orderbeat/clients"
)

func advice() clients.Advice {
	return clients.Advice{
		Provider: "michelin", Account: "detroit", AdviceID: "BOL1", BillOfLading: " BOL1 ", DespatchedOn: "2026-11-20", ExpectedOn: "9999-12-31",
		Carrier: "SMPA ", Tracking: []string{"T2", "", " T1", "T2"}, Quantity: clients.Pieces(6),
		Lines: []clients.AdviceLine{
			{LineID: "2", OrderID: "SO2", Quantity: clients.Pieces(2)},
			{LineID: "1", OrderID: "SO1", Reference: " ", Quantity: clients.Pieces(4)},
			{LineID: "1", OrderID: "SO1"},
		},
		Unmapped: []string{"b: 2", "a: 1", "b: 2"},
	}
}

func invoice() clients.Invoice {
	return clients.Invoice{
		Provider: "michelin", Account: "detroit", Number: "100000000001", InvoicedOn: "2026-11-21", DueOn: "2999-12-31",
		Currency: " USD", TotalAmount: "652.80",
		Lines: []clients.InvoiceLine{
			{LineID: "20", OrderID: "SO2", NetAmount: "2.00"},
			{LineID: "10", OrderID: "SO1 ", NetAmount: "1.00"},
		},
	}
}

func TestDespatchAdviceHasOneForm(t *testing.T) {
	a := advice()
	a.Normalize()
	want := clients.Advice{
		Provider: "michelin", Account: "detroit", AdviceID: "BOL1", BillOfLading: "BOL1", DespatchedOn: "2026-11-20",
		Carrier: "SMPA", Tracking: []string{"T1", "T2"}, Quantity: clients.Pieces(6),
		Lines: []clients.AdviceLine{
			{LineID: "1", OrderID: "SO1"},
			{LineID: "1", OrderID: "SO1", Quantity: clients.Pieces(4)},
			{LineID: "2", OrderID: "SO2", Quantity: clients.Pieces(2)},
		},
		Unmapped: []string{"a: 1", "b: 2"},
	}
	if diff := cmp.Diff(want, a); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if a.Normalize(); cmp.Diff(want, a) != "" {
		t.Error("normalizing twice changes it")
	}
	ids, unnamed := a.OrderIDs()
	if diff := cmp.Diff([]string{"SO1", "SO2"}, ids); diff != "" || unnamed {
		t.Errorf("orders, unnamed %v (-want +got):\n%s", unnamed, diff)
	}
	var empty clients.Advice
	empty.Normalize()
	if _, unnamed := empty.OrderIDs(); !unnamed || empty.Lines == nil || empty.Tracking == nil {
		t.Errorf("an empty one: got unnamed %v, lines %v, tracking %v", unnamed, empty.Lines, empty.Tracking)
	}
}

func TestInvoiceHasOneForm(t *testing.T) {
	i := invoice()
	i.Normalize()
	if i.Type != clients.InvoiceUnknown || i.DueOn != "" || i.Currency != "USD" || i.Lines[0].LineID != "10" || i.Lines[0].OrderID != "SO1" {
		t.Errorf("got %+v", i)
	}
	if diff := cmp.Diff([]string{"SO1", "SO2"}, i.OrderIDs()); diff != "" {
		t.Errorf("orders (-want +got):\n%s", diff)
	}
}

// What was stored as JSON and read again has the fingerprint that it had, in whichever
// order its parts came.
func TestFingerprintsOfDocuments(t *testing.T) {
	a, i := advice(), invoice()
	a.Normalize()
	i.Normalize()
	for range 10 {
		b, j := advice(), invoice()
		rand.Shuffle(len(b.Lines), func(x, y int) { b.Lines[x], b.Lines[y] = b.Lines[y], b.Lines[x] })
		slices.Reverse(j.Lines)
		b.Unmapped = nil
		b.Normalize()
		j.Normalize()
		if again(t, b).Fingerprint() != a.Fingerprint() {
			t.Fatal("the same advice has another fingerprint")
		}
		if again(t, j).Fingerprint() != i.Fingerprint() {
			t.Fatal("the same invoice has another fingerprint")
		}
	}
	b, j := advice(), invoice()
	b.Tracking, j.Lines[0].NetAmount = []string{"T1"}, "2.01"
	b.Normalize()
	j.Normalize()
	if b.Fingerprint() == a.Fingerprint() || j.Fingerprint() == i.Fingerprint() {
		t.Error("a change leaves the fingerprint as it is")
	}
}

// again is v as JSON tells it.
func again[T any](t *testing.T, v T) *T {
	t.Helper()
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	var back T
	if err := json.Unmarshal(text, &back); err != nil {
		t.Fatal(err)
	}
	return &back
}

func TestPathsOfDocuments(t *testing.T) {
	if got := clients.AdvicePath("BOL/1%") + " " + clients.InvoicePath("12"); got != "despatch_advices/BOL%2F1%25 invoices/12" {
		t.Errorf("got %s", got)
	}
}
