package authtest

import (
	"net/http"
	"time"
)

// Op names an operation that a [Fault] can strike.
type Op string

// The operations: one for each of [Paths], and calls of an API behind [Server.Protect].
const (
	OpToken      Op = "token"
	OpAuthorize  Op = "authorize"
	OpIntrospect Op = "introspect"
	OpRevoke     Op = "revoke"
	OpCall       Op = "call"
)

// Fault is trouble to come. It strikes before credentials are looked at. The zero
// effects leave the answer as it would be.
type Fault struct {
	// Op is the operation to strike; "" is all of them.
	Op Op
	// Times is how often it strikes: 0 is once, below 0 until it is cleared.
	Times int

	// Delay holds the answer back, or until the client goes away.
	Delay time.Duration
	// Hang handles nothing and waits until the client goes away.
	Hang bool
	// Status, with Header and Body, is answered instead; 0 lets the request through.
	Status int
	Header http.Header
	Body   string
	// RefuseClient takes the right credentials for wrong ones. On the consent page
	// it is unauthorized_client.
	RefuseClient bool
	// SameToken hands out the user's latest access token again, if it lives.
	SameToken bool
	// Cut ends the connection.
	Cut Cut
}

// Cut is how a connection ends.
type Cut string

// The ways. The last is what a client sees whose address is blocked ("connection
// errors, ssl/tls handshake errors or something similar", PTV Logistics' OAuth2
// Authentication).
const (
	CutNever  Cut = ""
	CutBefore Cut = "before" // nothing is handled, nothing is answered
	CutAfter  Cut = "after"  // the request is handled, and its answer lost
	CutHalf   Cut = "half"   // in the middle of the answer, whichever it is
	CutReset  Cut = "reset"  // at once, by a TCP reset; nothing is handled
)

// Fail arranges for a fault. Of several that apply to a request the oldest strikes
// alone. The fault ends by itself after its Times, or when clear is called, which
// may be done at any time and more than once.
func (s *Server) Fail(f Fault) (clear func()) { return s.faults.Add(f, f.Times) }

func (f Fault) strikes(op Op) bool { return f.Op == "" || f.Op == op }
