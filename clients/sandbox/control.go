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

// description is what GET /_sandbox/ answers. Paths, ClientID, Accounts and Stats are
// Michelin's.
type description struct {
	About     string          `json:"about"`
	Day       string          `json:"day"`
	Today     int64           `json:"today"` // sandbox days since 1970
	Paths     []string        `json:"paths"`
	ClientID  string          `json:"client_id"`
	Accounts  []michelinParty `json:"accounts"`
	Stats     Stats           `json:"stats"`
	Providers []providerJSON  `json:"providers"`
	Faults    []faultJSON     `json:"faults"`
}

// providerJSON describes one provider. Of its paths, those that it has are there.
type providerJSON struct {
	Provider   authtest.Dialect `json:"provider"`
	Token      string           `json:"token"`
	Authorize  string           `json:"authorize,omitempty"`
	Introspect string           `json:"introspect,omitempty"`
	Ping       string           `json:"ping,omitempty"`
	ClientID   string           `json:"client_id"`
	Calls      []string         `json:"calls,omitempty"` // "GET /path", behind a token
	Accounts   []string         `json:"accounts,omitempty"`
	Requests   map[Op]int64     `json:"requests,omitempty"` // of each of the calls' operations
	Stats      authtest.Stats   `json:"stats"`
}

func (s *Sandbox) describe(w http.ResponseWriter, _ *http.Request) {
	michelin := authtest.Michelin.Paths()
	d := description{
		About:    "stand-ins for five providers; their invented orders move with each sandbox day",
		Day:      s.options.Day.String(),
		Today:    s.orders.day(s.options.Now()),
		Paths:    []string{michelin.Token, michelin.Introspect, michelinStatusPath, michelinDesadvPath, michelinInvoicesPath},
		ClientID: ClientID,
		Accounts: michelinParties,
		Stats:    s.Stats(),
		Faults:   []faultJSON{},
	}
	for _, p := range providers {
		paths := p.dialect.Paths()
		j := providerJSON{
			Provider: p.dialect, Token: paths.Token, Authorize: paths.Authorize, Introspect: paths.Introspect,
			Ping: p.ping, ClientID: p.clientID, Accounts: p.accounts, Requests: map[Op]int64{}, Stats: s.ProviderStats(p.dialect),
		}
		for _, c := range p.calls {
			j.Calls = append(j.Calls, c.pattern)
			j.Requests[c.op] = s.Requests(c.op)
		}
		d.Providers = append(d.Providers, j)
	}
	for f, times := range s.faults.Pending() {
		f.Times = times
		d.Faults = append(d.Faults, describeFault(f))
	}
	answerJSON(w, http.StatusOK, d)
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
