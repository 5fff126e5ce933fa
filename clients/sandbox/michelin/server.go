package michelin

import (
	"crypto/subtle"
	"encoding/json"
	"net/http"
	"strings"
	"sync/atomic"
	"time"
)

// The older credentials that Michelin accepts instead of a token, only together: Basic authentication
// and the header apikey.
const (
	Username = "sandbox"
	Password = "sandbox:not-a-secret"
	APIKey   = "SANDBOX-NOT-A-KEY"
)

// StatusPath is the path of order status in Michelin North America Order-to-Cash, OpenAPI 1.0.1.
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

// New returns a Server. check reports whether a token is valid.
func New(now func() time.Time, day time.Duration, check func(token string) bool) *Server {
	return &Server{now: now, day: day, check: check, orders: newOrders(day)}
}

// BillTo returns the bill-to of a request to any of Michelin's operations.
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

// outcome returns the error code of a response. code is the result of checking the request; a valid request gets
// the fault's code, if there is one. found reports whether the response has entries.
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
