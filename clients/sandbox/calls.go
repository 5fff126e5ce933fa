package sandbox

import (
	"net/http"

	"orderbeat/clients/sandbox/clock"
)

// call is an operation of a provider's API, behind its tokens.
type call struct {
	op      Op
	pattern string // as [http.ServeMux] takes it
	whose   whose
	answer  func(clock.Moment, http.ResponseWriter, *http.Request)
}

// whose tells whose request it is, for faults that strike one account only; "" is nobody's.
type whose func(r *http.Request, body []byte) string

// nobody is whose requests are that belong to no account.
func nobody(*http.Request, []byte) string { return "" }

// callRoute sets up a call. It is counted before its token is looked at.
func (s *Sandbox) callRoute(p provider, c call) {
	protected := s.issuers[p.dialect].Protect(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c.answer(s.moment(), w, r)
	}))
	s.mux.Handle(c.pattern, s.operation(c.op, c.whose, func(w http.ResponseWriter, r *http.Request, f Fault, _ bool) {
		f.effects().Strike(w, r, protected)
	}))
}

func (s *Sandbox) moment() clock.Moment { return clock.At(s.options.Now(), s.options.Day) }
