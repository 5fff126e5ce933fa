package sandbox

import (
	"net/http"

	"orderbeat/auth/authtest"
	"orderbeat/clients/sandbox/michelin"
	"orderbeat/clients/sandbox/wire"
)

// controlRoutes registers the control endpoints, for people and for tests in other processes:
//
//	GET    /_sandbox/        description, providers, accounts, counters, pending faults
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

type description struct {
	About     string                `json:"about"`
	Day       string                `json:"day"`
	Today     int64                 `json:"today"` // sandbox days since 1970
	Paths     []string              `json:"paths"`
	ClientID  string                `json:"client_id"`
	Accounts  []michelin.Party      `json:"accounts"`
	Stats     Stats                 `json:"stats"`
	Providers []providerDescription `json:"providers"`
	Faults    []faultJSON           `json:"faults"`
}

type providerDescription struct {
	Provider   authtest.Dialect `json:"provider"`
	Token      string           `json:"token"`
	Authorize  string           `json:"authorize,omitempty"`
	Introspect string           `json:"introspect,omitempty"`
	Ping       string           `json:"ping,omitempty"`
	ClientID   string           `json:"client_id"`
	Calls      []string         `json:"calls,omitempty"`    // "GET /path", behind a token
	Requests   map[Op]int64     `json:"requests,omitempty"` // of each operation of the calls
	Accounts   []string         `json:"accounts,omitempty"`
	Stats      authtest.Stats   `json:"stats"`
}

// describe serves GET /_sandbox/. The paths, client id, accounts and stats at the top are Michelin's.
func (s *Sandbox) describe(w http.ResponseWriter, _ *http.Request) {
	var each []providerDescription
	for _, p := range providers {
		each = append(each, s.describeProvider(p))
	}
	faults := []faultJSON{}
	for f, times := range s.faults.Pending() {
		f.Times = times
		faults = append(faults, describeFault(f))
	}
	paths := authtest.Michelin.Paths()
	wire.WriteJSON(w, http.StatusOK, description{
		About: "simulators of five providers; their invented orders change with each sandbox day",
		Day:   s.options.Day.String(), Today: s.moment().Today,
		Paths:    []string{paths.Token, paths.Introspect, michelin.StatusPath, michelin.DesadvPath, michelin.InvoicesPath},
		ClientID: ClientID, Accounts: michelin.Parties, Stats: s.Stats(), Providers: each, Faults: faults,
	})
}

func (s *Sandbox) describeProvider(p provider) providerDescription {
	paths := p.dialect.Paths()
	d := providerDescription{
		Provider: p.dialect, Token: paths.Token, Authorize: paths.Authorize, Introspect: paths.Introspect, Ping: p.ping,
		ClientID: p.clientID, Accounts: p.accounts, Stats: s.ProviderStats(p.dialect),
	}
	for _, c := range p.calls {
		if d.Requests == nil {
			d.Requests = map[Op]int64{}
		}
		d.Calls = append(d.Calls, c.pattern)
		d.Requests[c.op] = s.Requests(c.op)
	}
	return d
}
