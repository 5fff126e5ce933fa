package michelin_test

import (
	"net/http/httptest"
	"testing"
	"time"

	"orderbeat/auth/secret"
	"orderbeat/clients"
	"orderbeat/clients/clienttest"
	"orderbeat/clients/sandbox"
	"orderbeat/clients/section"
)

// The stand-in shares no code with this package: what both read out of Michelin's
// documents must fit together.
func TestAgainstTheSandbox(t *testing.T) {
	stand := sandbox.New(sandbox.Options{})
	server := httptest.NewServer(stand)
	defer server.Close()
	today := clients.DateOf(time.Now().UTC())
	window := clients.Query{Account: lastDays.Account, From: today.AddDays(-88), To: today.AddDays(1)}
	for _, request := range []string{"portal", "openapi"} {
		t.Run(request, func(t *testing.T) {
			p := open(t, server.URL, func(s *section.Section) {
				s.ClientID, s.ClientSecret = secret.New(sandbox.ClientID), secret.New(sandbox.ClientSecret)
				s.Decode = clienttest.Decode(map[string]any{"request": request})
			})
			all, err := p.Orders(t.Context(), window)
			if err != nil {
				t.Fatal(err)
			}
			if len(all.Orders) < 50 || len(all.Partial) > 0 {
				t.Fatalf("got %d orders and %d problems, want many and none", len(all.Orders), len(all.Partial))
			}
			for _, o := range all.Orders {
				if len(o.Unmapped) > 0 || o.Status == clients.StatusUnknown || o.OpenQuantity.N < 0 {
					t.Errorf("order %s: status %s, open %v, unmapped %v", o.OrderID, o.Status, o.OpenQuantity, o.Unmapped)
				}
			}
			stand.Revoke(sandbox.Revocation{})
			first, last := all.Orders[0], all.Orders[len(all.Orders)-1]
			for _, o := range all.Orders { // some have no reference of the customer's
				if o.Reference != "" && o.OrderID != first.OrderID {
					last = o
				}
			}
			some, err := p.Orders(t.Context(), clients.Query{
				Account: lastDays.Account, OrderIDs: []string{first.OrderID}, References: []string{string(last.Reference)},
			})
			if err != nil || len(some.Orders) != 2 {
				t.Errorf("by name: got %d orders and %v, want 2", len(some.Orders), err)
			}
		})
	}
	t.Run("another customer's bill-to", func(t *testing.T) {
		p := open(t, server.URL, func(s *section.Section) {
			s.ClientID, s.ClientSecret = secret.New(sandbox.ClientID), secret.New(sandbox.ClientSecret)
		})
		other := window
		other.Account.BillTo = "9999999"
		_, err := p.Orders(t.Context(), other)
		if e := clients.AsError(err); err == nil || e.Code != clients.CodeForbidden {
			t.Errorf("got %v, want forbidden", err)
		}
	})
	t.Run("a check, whose token introspection knows", func(t *testing.T) {
		p := open(t, server.URL, func(s *section.Section) {
			s.ClientID, s.ClientSecret = secret.New(sandbox.ClientID), secret.New(sandbox.ClientSecret)
		})
		before := stand.Stats().Introspections
		problems, err := p.(clients.Checker).Check(t.Context(), lastDays.Account)
		if err != nil || len(problems) != 0 || stand.Stats().Introspections != before+1 {
			t.Errorf("got %+v and %v, want no problem, and introspection asked", problems, err)
		}
	})
}
