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

func (s *Sandbox) michelinRoutes() {
	for _, o := range []struct {
		op     Op
		path   string
		answer func(w http.ResponseWriter, r *http.Request, fault string)
	}{
		{OpOrderStatus, michelin.StatusPath, s.michelin.OrderStatus},
		{OpDesadv, michelin.DesadvPath, s.michelin.Desadv},
		{OpInvoices, michelin.InvoicesPath, s.michelin.Invoices},
	} {
		s.mux.Handle("POST "+o.path, s.operation(o.op, michelin.BillTo, func(w http.ResponseWriter, r *http.Request, f Fault, _ bool) {
			f.injected().Inject(w, r, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				o.answer(w, r, f.ErrorCode)
			}))
		}))
	}
}
