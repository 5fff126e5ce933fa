package sandbox

import (
	"encoding/json"
	"net/http"

	"orderbeat/auth/authtest"
)

// controlRoutes are the switches, for people and for tests in other processes:
//
//	GET    /_sandbox/        what this is, the providers, the accounts, the counters, the faults to come
//	POST   /_sandbox/revoke  all access tokens, or {"provider": "mazda", "user": "…", "refresh": true}
//	POST   /_sandbox/fault   {"op": "order_status", "status": 503, "times": 3}
//	DELETE /_sandbox/fault   all of them
func (s *Sandbox) controlRoutes() {
	s.mux.HandleFunc("GET /_sandbox/{$}", s.describe)
	s.mux.HandleFunc("POST /_sandbox/revoke", s.revoke)
	s.mux.HandleFunc("POST /_sandbox/fault", s.addFault)
	s.mux.HandleFunc("DELETE /_sandbox/fault", func(w http.ResponseWriter, _ *http.Request) {
		s.faults.Clear()
		w.WriteHeader(http.StatusNoContent)
	})
}

// describe answers GET /_sandbox/. The paths, client id, accounts and stats on top are
// Michelin's.
func (s *Sandbox) describe(w http.ResponseWriter, _ *http.Request) {
	var each []object
	for _, p := range providers {
		each = append(each, s.describeProvider(p))
	}
	faults := []faultJSON{}
	for f, times := range s.faults.Pending() {
		f.Times = times
		faults = append(faults, describeFault(f))
	}
	michelin := authtest.Michelin.Paths()
	answerJSON(w, http.StatusOK, object{
		{"about", "stand-ins for five providers; their invented orders move with each sandbox day"},
		{"day", s.options.Day.String()},
		{"today", s.orders.day(s.options.Now())}, // sandbox days since 1970
		{"paths", []string{michelin.Token, michelin.Introspect, michelinStatusPath, michelinDesadvPath, michelinInvoicesPath}},
		{"client_id", ClientID},
		{"accounts", michelinParties},
		{"stats", s.Stats()},
		{"providers", each},
		{"faults", faults},
	})
}

// describeProvider describes a provider, with those of the paths that it has.
func (s *Sandbox) describeProvider(p provider) object {
	paths := p.dialect.Paths()
	o := object{{"provider", p.dialect}, {"token", paths.Token}}.
		unless("authorize", paths.Authorize).unless("introspect", paths.Introspect).unless("ping", p.ping)
	o = append(o, member{"client_id", p.clientID})
	if len(p.calls) > 0 {
		var calls []string
		requests := map[Op]int64{} // of each of the calls' operations
		for _, c := range p.calls {
			calls = append(calls, c.pattern) // "GET /path", behind a token
			requests[c.op] = s.Requests(c.op)
		}
		o = append(o, member{"calls", calls}, member{"requests", requests})
	}
	if len(p.accounts) > 0 {
		o = append(o, member{"accounts", p.accounts})
	}
	return append(o, member{"stats", s.ProviderStats(p.dialect)})
}

// answerJSON answers a document. What cannot be written has nobody left to read it.
func answerJSON(w http.ResponseWriter, status int, document any) {
	w.Header().Set("Content-Type", "application/json;charset=UTF-8")
	w.WriteHeader(status)
	if o, ok := document.(object); ok {
		_, _ = w.Write(append(o.appendTo(nil), '\n'))
		return
	}
	_ = json.NewEncoder(w).Encode(document)
}
