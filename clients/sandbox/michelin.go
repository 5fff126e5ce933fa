package sandbox

import (
	"net/http"

	"orderbeat/clients/sandbox/michelin"
)

// The client credentials of Michelin's simulator, which are public.
const (
	ClientID     = "3MVG9SANDBOX.orderbeat"
	ClientSecret = "SANDBOX+not/a=secret&0F8"
)

// The older credentials that Michelin accepts instead of a token: both together, Basic authentication
// and the header apikey.
const (
	Username = michelin.Username
	Password = michelin.Password
	APIKey   = michelin.APIKey
)

func (s *Sandbox) michelinRoutes() {
	answers := func(answer func(w http.ResponseWriter, r *http.Request, fault string)) handler {
		return func(w http.ResponseWriter, r *http.Request, f Fault, _ bool) {
			f.effects().Strike(w, r, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				answer(w, r, f.ErrorCode)
			}))
		}
	}
	status := func(w http.ResponseWriter, r *http.Request, f Fault, struck bool) {
		s.counts.orderStatus.Add(1)
		answers(s.michelin.OrderStatus)(w, r, f, struck)
	}
	s.mux.Handle("POST "+michelin.StatusPath, s.operation(OpOrderStatus, michelin.BillTo, status))
	s.mux.Handle("POST "+michelin.DesadvPath, s.operation(OpDesadv, michelin.BillTo, answers(s.michelin.Desadv)))
	s.mux.Handle("POST "+michelin.InvoicesPath, s.operation(OpInvoices, michelin.BillTo, answers(s.michelin.Invoices)))
}
