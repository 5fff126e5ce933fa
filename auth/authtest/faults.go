package authtest

import (
	"bytes"
	"io"
	"iter"
	"maps"
	"net"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"time"
)

// Faults is a list of pending faults of type F. The zero value is empty. It is safe for concurrent
// use.
type Faults[F any] struct {
	mu   sync.Mutex // guards the list and the counts
	list []*pending[F]
}

type pending[F any] struct {
	fault F
	times int
}

// Add appends a fault. times is how often it applies: 0 means once, below 0 until clear is called. clear may
// be called at any time and more than once.
func (fs *Faults[F]) Add(f F, times int) (clear func()) {
	if times == 0 {
		times = 1
	}
	p := &pending[F]{f, max(times, -1)}
	fs.mu.Lock()
	defer fs.mu.Unlock()
	fs.list = append(fs.list, p)
	return func() {
		fs.mu.Lock()
		defer fs.mu.Unlock()
		fs.list = slices.DeleteFunc(fs.list, func(other *pending[F]) bool { return other == p })
	}
}

// Take uses up one application of the oldest fault that strikes accepts. strikes must not call methods of fs.
func (fs *Faults[F]) Take(strikes func(F) bool) (f F, ok bool) {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	i := slices.IndexFunc(fs.list, func(p *pending[F]) bool { return strikes(p.fault) })
	if i < 0 {
		return f, false
	}
	p := fs.list[i]
	if p.times > 0 {
		p.times--
	}
	if p.times == 0 {
		fs.list = slices.Delete(fs.list, i, i+1)
	}
	return p.fault, true
}

// Clear removes all faults.
func (fs *Faults[F]) Clear() {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	fs.list = nil
}

// Pending returns the current faults, oldest first, each with its remaining count, -1 for no limit.
func (fs *Faults[F]) Pending() iter.Seq2[F, int] {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	now := make([]pending[F], len(fs.list))
	for i, p := range fs.list {
		now[i] = *p
	}
	return func(yield func(F, int) bool) {
		for _, p := range now {
			if !yield(p.fault, p.times) {
				return
			}
		}
	}
}

// Op names an operation that a [Fault] applies to.
type Op string

// The operations: one for each of [Paths], and calls of an API behind [Server.Protect].
const (
	OpToken      Op = "token"
	OpAuthorize  Op = "authorize"
	OpIntrospect Op = "introspect"
	OpRevoke     Op = "revoke"
	OpCall       Op = "call"
)

// Fault is a fault to inject. It applies before credentials are checked. Its zero value changes
// nothing.
type Fault struct {
	// Op is the operation; "" is all of them.
	Op Op
	// Times is how often it applies: 0 means once, below 0 until it is cleared.
	Times int

	// Delay delays the response, at most until the client disconnects.
	Delay time.Duration
	// Hang does not handle the request and waits until the client disconnects.
	Hang bool
	// Status, with Header and Body, replaces the response; 0 handles the request normally.
	Status int
	Header http.Header
	Body   string
	// RefuseClient rejects correct credentials. The consent page then returns unauthorized_client.
	RefuseClient bool
	// SameToken returns the user's latest access token again, if it is valid.
	SameToken bool
	// Cut ends the connection.
	Cut Cut
}

// Cut is how a connection ends.
type Cut string

// The ways to cut a connection. The last is what a client with a blocked address sees ("connection errors, ssl/tls
// handshake errors or something similar", PTV Logistics' OAuth2 Authentication).
const (
	CutNever  Cut = ""
	CutBefore Cut = "before" // without handling the request
	CutAfter  Cut = "after"  // the request is handled and its response is lost
	CutHalf   Cut = "half"   // in the middle of the response
	CutReset  Cut = "reset"  // at once, by a TCP reset, without handling the request
)

// Fail adds a fault. If several apply to a request, only the oldest takes effect. The fault ends
// after its Times or when clear is called; clear may be called at any time and more than once.
func (s *Server) Fail(f Fault) (clear func()) { return s.faults.Add(f, f.Times) }

func (f Fault) applies(op Op) bool { return f.Op == "" || f.Op == op }

// Inject responds to a request as the fault says and ignores its Op and Times; next is the normal
// handler. The request's body must have been read, and may be restored: otherwise a disconnect is not
// noticed. next implements RefuseClient and SameToken.
//
// To close a connection Strike panics with [http.ErrAbortHandler], except for CutReset, where it hijacks it.
func (f Fault) Inject(w http.ResponseWriter, r *http.Request, next http.Handler) {
	if !f.wait(r) {
		return
	}
	if f.Cut == CutReset {
		reset(w)
		return
	}
	if f.Cut == CutBefore {
		panic(http.ErrAbortHandler) // net/http's way to drop a connection
	}
	if f.Status != 0 {
		next = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { reply{f.Status, f.Header, f.Body}.write(w) })
	}
	if f.Cut == CutNever {
		next.ServeHTTP(w, r)
		return
	}
	held := heldAnswer{header: http.Header{}, status: http.StatusOK}
	next.ServeHTTP(&held, r)
	if f.Cut == CutHalf {
		held.writeHalf(w)
	}
	panic(http.ErrAbortHandler)
}

// wait reports whether the client is still connected after the delay.
func (f Fault) wait(r *http.Request) bool {
	if f.Hang {
		<-r.Context().Done()
		return false
	}
	if f.Delay <= 0 {
		return true
	}
	select {
	case <-time.After(f.Delay):
		return true
	case <-r.Context().Done():
		return false
	}
}

// reset closes the connection and drops unsent data, which TCP signals by a reset.
func reset(w http.ResponseWriter) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	under := conn
	if c, ok := conn.(interface{ NetConn() net.Conn }); ok { // TLS
		under = c.NetConn()
	}
	if c, ok := under.(*net.TCPConn); ok {
		_ = c.SetLinger(0)
	}
	_ = under.Close()
}

// heldAnswer is a [http.ResponseWriter] that buffers the response.
type heldAnswer struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (h *heldAnswer) Header() http.Header         { return h.header }
func (h *heldAnswer) WriteHeader(status int)      { h.status = status }
func (h *heldAnswer) Write(b []byte) (int, error) { return h.body.Write(b) }

// writeHalf sends the first half of the response. It announces one byte more, so that an empty body
// is cut too.
func (h *heldAnswer) writeHalf(w http.ResponseWriter) {
	maps.Copy(w.Header(), h.header)
	w.Header().Set("Content-Length", strconv.Itoa(h.body.Len()+1))
	w.WriteHeader(h.status)
	_, _ = io.CopyN(w, &h.body, int64(h.body.Len()/2))
	_ = http.NewResponseController(w).Flush()
}
