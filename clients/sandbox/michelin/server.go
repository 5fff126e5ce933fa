package michelin

import (
	"crypto/subtle"
	"encoding/json"
	"net/http"
	"strings"
	"sync/atomic"
	"time"
)

// The older credentials that Michelin accepts instead of a token: both together, Basic authentication
// and the header apikey.
const (
	Username = "sandbox"
	Password = "sandbox:not-a-secret"
	APIKey   = "SANDBOX-NOT-A-KEY"
)

// StatusPath is that of Michelin North America Order-to-Cash, OpenAPI 1.0.1.
const StatusPath = "/order/amn/C1_1/status"

// Party is one account of the client: bill-to and ship-to.
type Party struct {
	BillTo string `json:"bill_to"`
	ShipTo string `json:"ship_to"`
}

// Parties are the client's accounts.
var Parties = []Party{
	{BillTo: "1111111", ShipTo: "1234567"},
	{BillTo: "2222222", ShipTo: "2345678"},
	{BillTo: "3333333", ShipTo: "3456789"},
}

// Server implements Michelin's three documented operations.
type Server struct {
	now    func() time.Time
	day    time.Duration // a sandbox day
	check  func(token string) bool
	orders orders

	Counts Counts
}

// Counts counts responses: 401, 403, and errors.
type Counts struct {
	Unauthorized, Forbidden, Refused atomic.Int64
}

// New makes the server. check reports whether a token is valid.
func New(now func() time.Time, day time.Duration, check func(token string) bool) *Server {
	return &Server{now: now, day: day, check: check, orders: newOrders(day)}
}

// BillTo is the bill-to of a request of any of Michelin's operations.
func BillTo(_ *http.Request, body []byte) string {
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

// outcome is the code of a response, given that of the request's check: a valid request gets that of a
// fault, unless it is "". found reports whether the response has entries.
func (s *Server) outcome(code, fault string) (outcome string, found bool) {
	if code == codeNone && fault != "" {
		code = fault
	}
	if code != codeNone {
		s.Counts.Refused.Add(1)
	}
	return code, code == codeNone || code == codePartial
}

// authorized reports whether the request has a valid token, or the older credentials.
func (s *Server) authorized(r *http.Request) bool {
	if token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer "); ok {
		return s.check(token)
	}
	user, password, ok := r.BasicAuth()
	return ok && same(user, Username) && same(password, Password) && same(r.Header.Get("apikey"), APIKey)
}

func same(a, b string) bool { return subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1 }
