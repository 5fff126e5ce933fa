// Package sandbox stands in for the providers, so that everything else can be tried
// and tested without them. It is the other side of the wire: its own reading of what
// the providers document, sharing no code with the clients that ask it, so that the
// two check each other.
//
// One handler serves every provider, at the paths that the provider itself uses: the
// side that issues tokens, a call that proves one, and what comes nearest to orders.
//
//   - Michelin: the orders of three accounts.
//   - PTV: plannings, and which orders their latest releases plan.
//   - Shell: the orders for fuel cards of two payers.
//   - Microbilt: archived reports, which are made sooner or later.
//   - Mazda: parts orders of an organization, as an example: nothing of theirs is public.
//
// All are invented, and they move: a sandbox day is short (20 seconds unless told
// otherwise), and with each one some orders of each account are placed, confirmed,
// scheduled, put off, shipped or cancelled. What an order is at one moment depends on
// the clock alone; nothing is stored, so a restart never takes an order back to where
// it was.
//
// Tokens, of which a restart forgets all, are orderbeat/auth/authtest's matter. Trouble
// comes on demand: [Sandbox.Revoke], [Sandbox.Fail], or from a terminal the same below
// /_sandbox/, which also tells what there is and what was asked.
//
// It is no proof of how a provider behaves. It does what the documents say, and where
// they are silent something plausible; the comments tell which. It checks credentials,
// but these are constants that everybody can read: let it listen on a loopback address.
//
// Start reading at [New], then providers.go. Each provider's API is in the folder of its
// name; how orders follow from the clock is in the folder clock. Tokens, faults and counters
// are this package's: it knows the folders, and they do not know it.
package sandbox

import (
	"net/http"
	"time"

	"orderbeat/auth/authtest"
	"orderbeat/clients/sandbox/michelin"
)

// Options say how time passes in the sandbox. The zero value is ready to use.
type Options struct {
	// Now is the clock; time.Now when nil.
	Now func() time.Time
	// Day is the length of a sandbox day; 20 s when zero. Another length makes other orders.
	Day time.Duration
	// TokenTTL is how long an access token lives. When zero it is what each provider's
	// document says: 120 min at Michelin (developer portal page of 1 April 2025).
	TokenTTL time.Duration
}

// Sandbox is all stand-ins behind one [http.Handler]. It is safe for concurrent use
// and starts no goroutine.
type Sandbox struct {
	options  Options
	mux      *http.ServeMux
	issuers  map[authtest.Dialect]*authtest.Server // one for each of providers; never changes
	faults   authtest.Faults[Fault]
	counts   counts
	michelin *michelin.Server
}

// New makes the stand-ins.
func New(o Options) *Sandbox {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Day <= 0 {
		o.Day = 20 * time.Second
	}
	s := &Sandbox{
		options: o, mux: http.NewServeMux(),
		issuers: map[authtest.Dialect]*authtest.Server{},
	}
	s.counts.init()
	s.controlRoutes()
	for _, p := range providers {
		s.providerRoutes(p)
	}
	s.michelin = michelin.New(o.Now, o.Day, func(token string) bool {
		_, ok := s.issuers[authtest.Michelin].Check(token)
		return ok
	})
	s.michelinRoutes()
	return s
}

// ServeHTTP answers as the providers would, or as a [Fault] says.
func (s *Sandbox) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.mux.ServeHTTP(w, r) }
