// Package sandbox simulates the providers' APIs, so that everything else can be tried out and tested
// without them. It is written from the providers' documents and shares no code with the clients, so
// that the two check each other.
//
// One handler serves every provider, at the provider's own paths: the authorization server, a call
// that checks a token, and the API's orders or what is closest to them.
//
//   - Michelin: the orders of three accounts.
//   - PTV: plannings, and the orders that their latest releases plan.
//   - Shell: the orders for fuel cards of two payers.
//   - Microbilt: archived reports, which are ready after a while.
//   - Mazda: parts orders of an organization, as an example: its API is not public.
//
// All data is invented, and it changes: a sandbox day is short (20 seconds by default), and on each day
// some orders of each account are placed, confirmed, scheduled, delayed, shipped or cancelled. The
// state of an order depends on the clock alone; nothing is stored, so a restart never moves an order
// back.
//
// Tokens, which a restart invalidates, are issued by orderbeat/auth/authtest. Faults are injected by
// [Sandbox.Revoke] and [Sandbox.Fail], or over HTTP under /_sandbox/, which also shows what
// exists and how often it was called.
//
// It does not prove how a provider behaves. It does what the documents say, and where they leave something open,
// something plausible; comments say so. It checks credentials, but these are public constants: it
// should listen on a loopback address.
//
// Start reading at [New], then providers.go. Each provider's API is in the folder with its name; how
// orders are derived from the clock is in the folder clock. Tokens, faults and counters are here: this
// package imports the folders, and they do not import it.
package sandbox

import (
	"net/http"
	"sync/atomic"
	"time"

	"orderbeat/auth/authtest"
	"orderbeat/clients/sandbox/michelin"
)

// Options configure time in the sandbox. The zero value is ready to use.
type Options struct {
	// Now is the clock; time.Now if nil.
	Now func() time.Time
	// Day is the length of a sandbox day; 20 s if zero. A different length produces different orders.
	Day time.Duration
	// TokenTTL is the lifetime of access tokens. Zero uses the one in each provider's document, such as 120 min at
	// Michelin (developer portal page of 1 April 2025).
	TokenTTL time.Duration
}

// Sandbox has all simulators behind one [http.Handler]. It is safe for concurrent use and starts no
// goroutine.
type Sandbox struct {
	options  Options
	mux      *http.ServeMux
	issuers  map[authtest.Dialect]*authtest.Server // one for each provider; never changes
	faults   authtest.Faults[Fault]
	counts   counts
	michelin *michelin.Server
}

// New returns a Sandbox with all simulators.
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
	s.counts.requests = map[Op]*atomic.Int64{}
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

// ServeHTTP responds as the providers would, or as a [Fault] says.
func (s *Sandbox) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.mux.ServeHTTP(w, r) }
