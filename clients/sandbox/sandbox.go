// Package sandbox stands in for the providers, so that everything else can be tried
// and tested without them. It is the other side of the wire: its own reading of what
// the providers document, sharing no code with the clients that ask it, so that the
// two check each other.
//
// One handler serves every provider at the paths that the provider itself uses; at
// present that is Michelin. Its orders are invented, and they move: a sandbox day is
// short (20 seconds unless told otherwise), and with each one some orders of each
// account are placed, confirmed, scheduled, put off, shipped or cancelled. What an
// order is at one moment depends on the clock alone; nothing is stored, so a restart
// never takes an order back to where it was.
//
// Trouble comes on demand: [Sandbox.RevokeTokens], [Sandbox.Fail], or from a
// terminal the same below /_sandbox/, which also tells what there is and what was
// asked.
//
// It is no proof of how a provider behaves. It does what the documents say, and where
// they are silent something plausible; the comments tell which. It checks credentials,
// but these are constants that everybody can read: let it listen on a loopback address.
//
// Start reading at [New], then michelin.go; the life of an order is in
// michelin_story.go.
package sandbox

import (
	"net/http"
	"time"
)

// Options say how time passes in the sandbox. The zero value is ready to use.
type Options struct {
	// Now is the clock; time.Now when nil.
	Now func() time.Time
	// Day is the length of a sandbox day; 20 s when zero. Another length makes other orders.
	Day time.Duration
	// TokenTTL is how long an access token lives; 120 min when zero, as Michelin's
	// developer portal page of 1 April 2025 says.
	TokenTTL time.Duration
}

// Sandbox is all stand-ins behind one [http.Handler]. It is safe for concurrent use
// and starts no goroutine.
type Sandbox struct {
	options Options
	mux     *http.ServeMux
	tokens  tokens
	faults  faults
	counts  counts
	orders  michelinOrders
}

// New makes the stand-ins.
func New(o Options) *Sandbox {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Day <= 0 {
		o.Day = 20 * time.Second
	}
	if o.TokenTTL <= 0 {
		o.TokenTTL = 120 * time.Minute
	}
	s := &Sandbox{options: o, mux: http.NewServeMux(), orders: newMichelinOrders(o.Day)}
	s.controlRoutes()
	s.michelinRoutes()
	return s
}

// ServeHTTP answers as the providers would, or as a [Fault] says.
func (s *Sandbox) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.mux.ServeHTTP(w, r) }

// RevokeTokens makes every access token issued so far invalid at once.
func (s *Sandbox) RevokeTokens() { s.tokens.revoke() }
