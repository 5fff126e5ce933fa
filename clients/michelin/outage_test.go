package michelin_test

import (
	"testing"
	"time"

	"orderbeat/clients"
	"orderbeat/clients/section"
)

// Michelin says within a 200 that it cannot answer, and which accounts it refuses.
func TestOutageErrorCodesOpenTheBreaker(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		code     string
		accounts []string
		opens    bool
	}{
		"no connection to the ERP system":     {"303", []string{"detroit", "toledo"}, true},
		"of one account alone":                {"999", []string{"detroit"}, false},
		"a bill-to number that is not active": {"915", []string{"detroit", "toledo"}, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := answering(t, 200, `{"documentID":"C1","errorHead":{"errorCode":"`+c.code+`"},"referencedOrder":[]}`)
			p := open(t, server.URL, func(s *section.Section) {
				s.Accounts = append(s.Accounts, clients.Account{Name: "toledo", BillTo: "2222222", ShipTo: "2345678"})
			})
			breaker := func() clients.BreakerStatus {
				return p.(interface{ Stats() clients.Stats }).Stats().Breaker
			}
			for began, n := time.Now(), 0; time.Since(began) < 6*time.Second; n++ {
				q := lastDays
				q.Account.Name = c.accounts[n%len(c.accounts)]
				_, _ = p.Orders(t.Context(), q)
				time.Sleep(300 * time.Millisecond)
			}
			if st := breaker(); (st.State != clients.BreakerClosed) != c.opens {
				t.Errorf("got %+v, want it opened: %t", st, c.opens)
			}
		})
	}
}
