package sandbox

import (
	"crypto/subtle"
	"encoding/json"
	"mime"
	"net/http"
	"strings"

	"orderbeat/auth/authtest"
)

// The client's credentials at Michelin's stand-in, as good as public.
const (
	ClientID     = "3MVG9SANDBOX.orderbeat"
	ClientSecret = "SANDBOX+not/a=secret&0F8"
)

// The older credentials that Michelin takes instead of a token: both together, Basic
// authentication and the header apikey.
const (
	Username = "sandbox"
	Password = "sandbox:not-a-secret"
	APIKey   = "SANDBOX-NOT-A-KEY"
)

// michelinStatusPath is that of Michelin North America Order-to-Cash, OpenAPI 1.0.1.
const michelinStatusPath = "/order/amn/C1_1/status"

// michelinParty is one account of the client: who pays, and where goods go.
type michelinParty struct {
	BillTo string `json:"bill_to"`
	ShipTo string `json:"ship_to"`
}

// michelinParties are the accounts that the client may ask about.
var michelinParties = []michelinParty{
	{BillTo: "1111111", ShipTo: "1234567"},
	{BillTo: "2222222", ShipTo: "2345678"},
	{BillTo: "3333333", ShipTo: "3456789"},
}

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
		answers(s.orderStatus)(w, r, f, struck)
	}
	s.mux.Handle("POST "+michelinStatusPath, s.operation(OpOrderStatus, billTo, status))
	s.mux.Handle("POST "+michelinDesadvPath, s.operation(OpDesadv, billTo, answers(s.desadv)))
	s.mux.Handle("POST "+michelinInvoicesPath, s.operation(OpInvoices, billTo, answers(s.invoices)))
}

// billTo is the bill-to that a request of any of Michelin's operations asks about.
func billTo(_ *http.Request, body []byte) string {
	var q struct {
		BuyerParty requestParty `json:"buyerParty"`
		Invoice    []struct {
			BuyerParty requestParty `json:"buyerParty"`
		} `json:"invoice"`
	}
	if json.Unmarshal(body, &q) == nil && len(q.Invoice) > 0 {
		return string(q.Invoice[0].BuyerParty.PartyID)
	}
	return string(q.BuyerParty.PartyID)
}

// authorized reports whether the request carries a living token, or the older
// credentials.
func (s *Sandbox) authorized(r *http.Request) bool {
	if token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer "); ok {
		_, ok = s.issuers[authtest.Michelin].Check(token)
		return ok
	}
	user, password, ok := r.BasicAuth()
	return ok && same(user, Username) && same(password, Password) && same(r.Header.Get("apikey"), APIKey)
}

func same(a, b string) bool { return subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1 }

// contentType is the request's media type without its parameters, "" when it has none
// or a broken one.
func contentType(r *http.Request) string {
	t, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil {
		return ""
	}
	return t
}
