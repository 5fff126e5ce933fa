package michelin_test

import (
	"net/http/httptest"
	"slices"
	"testing"
	"time"

	"orderbeat/auth/secret"
	"orderbeat/clients"
	"orderbeat/clients/clienttest"
	"orderbeat/clients/sandbox"
	"orderbeat/clients/section"
)

// What the stand-in despatched and invoiced is what it says that its orders are.
func TestDocumentsAgainstTheSandbox(t *testing.T) {
	noon := time.Date(2026, 11, 20, 17, 0, 0, 0, time.UTC) // in Detroit
	stand := sandbox.New(sandbox.Options{Now: func() time.Time { return noon }, TokenTTL: time.Hour})
	server := httptest.NewServer(stand)
	defer server.Close()
	for _, request := range []string{"portal", "openapi"} {
		t.Run(request, func(t *testing.T) {
			p := open(t, server.URL, func(s *section.Section) {
				s.ClientID, s.ClientSecret = secret.New(sandbox.ClientID), secret.New(sandbox.ClientSecret)
				s.Decode = clienttest.Decode(map[string]any{"request": request})
			})
			today := clients.DateOf(noon)
			window := func(days int) clients.Query {
				return clients.Query{Account: lastDays.Account, From: today.AddDays(1 - days), To: today}
			}
			sent, err := p.(clients.DespatchSource).Advices(t.Context(), window(5))
			if err != nil {
				t.Fatal(err)
			}
			billed, err := p.(clients.InvoiceSource).Invoices(t.Context(), window(30))
			if err != nil {
				t.Fatal(err)
			}
			if len(sent.Advices) < 20 || len(billed.Invoices) < 20 || len(sent.Partial)+len(billed.Partial) > 0 {
				t.Fatalf("got %d advices and %d invoices, problems %v %v, want many and none",
					len(sent.Advices), len(billed.Invoices), sent.Partial, billed.Partial)
			}
			bills := despatched(t, p, today)
			for _, a := range sent.Advices {
				for _, l := range a.Lines {
					if on, known := bills[string(l.OrderID)+" "+string(a.BillOfLading)]; !known || on != a.DespatchedOn {
						t.Errorf("advice %s of order %s left on %s, the order says %q", a.AdviceID, l.OrderID, a.DespatchedOn, on)
					}
				}
				if len(a.Lines) == 0 || a.Carrier == "" || len(a.Tracking) == 0 || a.ExpectedOn < a.DespatchedOn || len(a.Unmapped) > 0 {
					t.Errorf("got %+v", a)
				}
			}
			for _, i := range billed.Invoices {
				for _, l := range i.Lines {
					if on, known := bills[string(l.OrderID)+" "+string(l.BillOfLading)]; !known || on > i.InvoicedOn {
						t.Errorf("invoice %s of %s tells of order %s, which left on %q", i.Number, i.InvoicedOn, l.OrderID, on)
					}
				}
				if len(i.Lines) == 0 || i.Type != clients.InvoiceCommercial || i.TotalAmount == "" || i.DueOn <= i.InvoicedOn || len(i.Unmapped) > 0 {
					t.Errorf("got %+v", i)
				}
			}
			if !slices.ContainsFunc(billed.Invoices, func(i clients.Invoice) bool { return i.InvoicedOn < today.AddDays(-14) }) {
				t.Error("no invoice is of an archived order")
			}
		})
	}
}

// despatched maps "order bill-of-lading" to the day on which the order says that it left.
func despatched(t *testing.T, p clients.Provider, today clients.Date) map[string]clients.Date {
	t.Helper()
	bills := map[string]clients.Date{}
	for _, from := range []int{-89, -179} {
		a, err := p.Orders(t.Context(), clients.Query{Account: lastDays.Account, From: today.AddDays(from), To: today.AddDays(from + 89)})
		if err != nil {
			t.Fatal(err)
		}
		for _, o := range a.Orders {
			for _, l := range o.Lines {
				for _, d := range l.Despatches {
					bills[o.OrderID+" "+string(d.AdviceID)] = d.DespatchedOn
				}
			}
		}
	}
	return bills
}
