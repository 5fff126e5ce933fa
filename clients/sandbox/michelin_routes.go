package sandbox

import "net/http"

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
		answers(s.michelin.orderStatus)(w, r, f, struck)
	}
	s.mux.Handle("POST "+michelinStatusPath, s.operation(OpOrderStatus, michelinBillTo, status))
	s.mux.Handle("POST "+michelinDesadvPath, s.operation(OpDesadv, michelinBillTo, answers(s.michelin.desadv)))
	s.mux.Handle("POST "+michelinInvoicesPath, s.operation(OpInvoices, michelinBillTo, answers(s.michelin.invoices)))
}
