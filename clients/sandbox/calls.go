package sandbox

import (
	"net/http"

	"orderbeat/clients/sandbox/clock"
)

// call is an operation of a provider's API that requires a token.
type call struct {
	op      Op
	pattern string // as in [http.ServeMux]
	whose   whose
	answer  func(clock.Moment, http.ResponseWriter, *http.Request)
}

// whose returns the account of a request, for faults that apply to one account; "" means none.
type whose func(r *http.Request, body []byte) string

// noUser is for requests without an account.
func noUser(*http.Request, []byte) string { return "" }

// callRoute registers a call. The call is counted before its token is checked.
func (s *Sandbox) callRoute(p provider, c call) {
	protected := s.issuers[p.dialect].Protect(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c.answer(s.moment(), w, r)
	}))
	s.mux.Handle(c.pattern, s.operation(c.op, c.whose, func(w http.ResponseWriter, r *http.Request, f Fault, _ bool) {
		f.injected().Inject(w, r, protected)
	}))
}

func (s *Sandbox) moment() clock.Moment { return clock.At(s.options.Now(), s.options.Day) }
