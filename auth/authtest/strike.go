package authtest

import (
	"bytes"
	"io"
	"maps"
	"net"
	"net/http"
	"strconv"
	"time"
)

// Strike answers a request as the fault says, whatever Op and Times it has; next is
// how it would be answered. The request's body must have been read, and may be put
// back: a client that goes away is not noticed before. RefuseClient and SameToken are
// next's to obey.
//
// Where a connection cannot be cut Strike panics with [http.ErrAbortHandler], as
// handlers do.
func (f Fault) Strike(w http.ResponseWriter, r *http.Request, next http.Handler) {
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

// wait reports whether the client is still there when the time has come.
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

// reset closes the connection with what has not been sent thrown away, which TCP tells
// the other side by a reset.
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

// heldAnswer is a [http.ResponseWriter] that keeps the answer.
type heldAnswer struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (h *heldAnswer) Header() http.Header         { return h.header }
func (h *heldAnswer) WriteHeader(status int)      { h.status = status }
func (h *heldAnswer) Write(b []byte) (int, error) { return h.body.Write(b) }

// writeHalf sends the first half of the answer. One byte more than there is gets
// promised, so that an empty body is cut off too.
func (h *heldAnswer) writeHalf(w http.ResponseWriter) {
	maps.Copy(w.Header(), h.header)
	w.Header().Set("Content-Length", strconv.Itoa(h.body.Len()+1))
	w.WriteHeader(h.status)
	_, _ = io.CopyN(w, &h.body, int64(h.body.Len()/2))
	_ = http.NewResponseController(w).Flush()
}
