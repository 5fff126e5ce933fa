package sandbox

import (
	"io"
	"net/http"

	"orderbeat/auth/authtest"
	"orderbeat/clients/sandbox/clock"
	"orderbeat/clients/sandbox/mazda"
	"orderbeat/clients/sandbox/microbilt"
	"orderbeat/clients/sandbox/ptv"
	"orderbeat/clients/sandbox/shell"
	"orderbeat/clients/sandbox/wire"
)

// The client credentials of the other simulators, which are public. The secrets have characters that
// encodings get wrong.
const (
	PTVClientID     = "sandbox-ptv"
	PTVClientSecret = "SANDBOX+ptv/not:a=secret&%41"

	ShellClientID     = "sandbox-shell"
	ShellClientSecret = "SANDBOX+shell/not:a=secret&%41"

	MicrobiltClientID     = "sandbox-microbilt"
	MicrobiltClientSecret = "SANDBOX+microbilt/not:a=secret&%41"

	MazdaClientID     = "SANDBOX0-0000-0000-0000-000000000000" // called API key there
	MazdaClientSecret = "SANDBOX+mazda/not:a=secret&%41"
)

type provider struct {
	dialect                authtest.Dialect // also the provider's name
	clientID, clientSecret string
	// The operations; "" if the provider does not have one.
	token, authorize, introspect, pingOp Op

	// ping is the path of a GET that checks a token; pong writes its response.
	ping string
	pong http.HandlerFunc

	// calls is the rest of the API; accounts are all or some of its accounts, as in [Fault.Account].
	// Michelin's are in michelinRoutes and michelin.Parties.
	calls    []call
	accounts []string
}

var providers = []provider{
	{
		dialect: authtest.Michelin, clientID: ClientID, clientSecret: ClientSecret,
		token: OpToken, introspect: OpIntrospect,
	},
	{ // The ping is that of the Planning API's reference. The token URL is "the Token URL from the API you want to access": ours.
		dialect: authtest.PTV, clientID: PTVClientID, clientSecret: PTVClientSecret,
		token: OpPTVToken, pingOp: OpPTVPing, ping: "/planning/v1/ping", pong: plainPong,
		calls: []call{
			{OpPTVPlannings, "GET /planning/v1/plannings", noUser, ptv.Plannings},
			{OpPTVRelease, "GET /planning/v1/plannings/{id}/releases/latest", noUser, ptv.Release},
		},
	},
	// The other providers document no call that checks a token. These pings are invented.
	{
		dialect: authtest.Shell, clientID: ShellClientID, clientSecret: ShellClientSecret,
		token: OpShellToken, pingOp: OpShellPing, ping: "/shell/ping", pong: emptyPong,
		calls:    []call{{OpShellOrderCardEnquiry, "POST /card-management/v1/ordercardenquiry", shell.Account, shell.OrderCardEnquiry}},
		accounts: shell.Accounts(),
	},
	{
		dialect: authtest.Microbilt, clientID: MicrobiltClientID, clientSecret: MicrobiltClientSecret,
		token: OpMicrobiltToken, pingOp: OpMicrobiltPing, ping: "/microbilt/ping", pong: emptyPong,
		calls: []call{
			{OpMicrobiltArchiveReport, "GET /{product}/GetArchiveReport", microbilt.Account, microbilt.ArchiveReport},
			{OpMicrobiltGetReport, "POST /{product}/GetReport", microbilt.Account, microbilt.GetReport},
		},
		accounts: microbilt.AppIDs(),
	},
	{
		dialect: authtest.Mazda, clientID: MazdaClientID, clientSecret: MazdaClientSecret,
		token: OpMazdaToken, authorize: OpMazdaAuthorize, pingOp: OpMazdaPing, ping: "/mazda/ping", pong: mazda.Ping,
		calls: []call{
			{OpMazdaOrders, "GET /mazda/parts-orders", mazda.Account, mazda.Orders},
			{OpMazdaOrders, "GET /mazda/parts-orders/{number}", mazda.Account, mazda.Order},
		},
		accounts: []string{mazda.Org, mazda.OtherOrg},
	},
}

func (s *Sandbox) providerRoutes(p provider) {
	issuer := authtest.New(authtest.Options{
		Dialect: p.dialect, Now: s.options.Now, Life: s.options.TokenTTL, ClientID: p.clientID, ClientSecret: p.clientSecret,
	})
	s.issuers[p.dialect] = issuer
	issue := func(w http.ResponseWriter, r *http.Request, f Fault, struck bool) {
		if struck {
			issuer.ServeFault(w, r, f.injected())
			return
		}
		issuer.ServeHTTP(w, r)
	}
	paths := issuer.Paths()
	for op, path := range map[Op]string{p.token: paths.Token, p.authorize: paths.Authorize, p.introspect: paths.Introspect} {
		if op != "" {
			s.mux.Handle(path, s.operation(op, noUser, issue)) // any method: the issuer checks it
		}
	}
	for _, c := range p.calls {
		s.callRoute(p, c)
	}
	if p.ping != "" {
		pong := func(_ clock.Moment, w http.ResponseWriter, r *http.Request) { p.pong(w, r) }
		s.callRoute(p, call{op: p.pingOp, pattern: "GET " + p.ping, whose: noUser, answer: pong})
	}
}

func plainPong(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/plain;charset=UTF-8")
	_, _ = io.WriteString(w, "pong")
}

func emptyPong(w http.ResponseWriter, _ *http.Request) { wire.WriteJSON(w, http.StatusOK, struct{}{}) }
