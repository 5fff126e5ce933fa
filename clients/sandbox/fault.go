package sandbox

import (
	"net/http"
	"time"

	"orderbeat/auth/authtest"
)

// Op names an operation that a [Fault] applies to.
type Op string

// The operations. The first five are Michelin's.
const (
	OpToken                  Op = "token"
	OpIntrospect             Op = "introspect"
	OpOrderStatus            Op = "order_status"
	OpDesadv                 Op = "desadv"
	OpInvoices               Op = "invoices"
	OpPTVToken               Op = "ptv_token"
	OpPTVPing                Op = "ptv_ping"
	OpPTVPlannings           Op = "ptv_plannings"
	OpPTVRelease             Op = "ptv_release"
	OpShellToken             Op = "shell_token"
	OpShellPing              Op = "shell_ping"
	OpShellOrderCardEnquiry  Op = "shell_order_card_enquiry"
	OpMicrobiltToken         Op = "microbilt_token"
	OpMicrobiltPing          Op = "microbilt_ping"
	OpMicrobiltArchiveReport Op = "microbilt_archive_report"
	OpMicrobiltGetReport     Op = "microbilt_get_report" // costs money at the real API: Orderbeat must never call it
	OpMazdaToken             Op = "mazda_token"
	OpMazdaAuthorize         Op = "mazda_authorize"
	OpMazdaPing              Op = "mazda_ping"
	OpMazdaOrders            Op = "mazda_orders" // the list, and one of them
)

// Fault is a fault to inject. It applies before credentials are checked. Its zero value changes
// nothing.
type Fault struct {
	// Op is the operation; "" is all of them.
	Op Op `json:"op,omitempty"`
	// Account restricts the fault to calls for one account: a bill-to at Michelin, a
	// PayerNumber at Shell, an AppId at Microbilt, an organization at Mazda. PTV has none.
	Account string `json:"account,omitempty"`
	// Times is how often it applies: 0 means once, below 0 until it is cleared.
	Times int `json:"times,omitempty"`

	// Delay delays the response, at most until the client disconnects.
	Delay time.Duration `json:"delay,omitempty"`
	// Hang does not handle the request and waits until the client disconnects.
	Hang bool `json:"hang,omitempty"`
	// Status, with Header and Body, replaces the response; 0 handles the request normally.
	Status int         `json:"status,omitempty"`
	Header http.Header `json:"header,omitempty"`
	Body   string      `json:"body,omitempty"`
	// ErrorCode is returned in errorHead by Michelin's documents, in an otherwise complete 200: "1"
	// (partial) with the orders, any other code without them.
	ErrorCode string `json:"error_code,omitempty"`
	// RefuseClient rejects correct credentials in token requests.
	RefuseClient bool `json:"refuse_client,omitempty"`
	// SameToken returns the user's latest access token again, if it is valid.
	SameToken bool `json:"same_token,omitempty"`
	// CutOff closes the connection in the middle of the response.
	CutOff bool `json:"cut_off,omitempty"`
	// Cut closes the connection in one of several ways; CutOff is one of them.
	Cut authtest.Cut `json:"cut,omitempty"`
}

// Fail adds a fault. If several apply to a request, only the oldest takes effect. The fault ends
// after its Times or when clear is called; clear may be called at any time and more than once.
func (s *Sandbox) Fail(f Fault) (clear func()) { return s.faults.Add(f, f.Times) }

// injected returns the part of the fault that applies to any request.
func (f Fault) injected() authtest.Fault {
	if f.CutOff {
		f.Cut = authtest.CutHalf
	}
	return authtest.Fault{
		Delay: f.Delay, Hang: f.Hang, Status: f.Status, Header: f.Header, Body: f.Body,
		RefuseClient: f.RefuseClient, SameToken: f.SameToken, Cut: f.Cut,
	}
}
