package sandbox

import (
	"bytes"
	"io"
	"maps"
	"net/http"
	"strconv"
	"sync/atomic"
	"time"
)

// maxBodyBytes bounds a request's body.
const maxBodyBytes = 1 << 20

// handler answers one operation. What is left of a fault for it to obey is in f.
type handler func(w http.ResponseWriter, r *http.Request, f Fault)

// operation puts the door before a provider's operation that is common to all: it
// counts, reads the body within its limit and lets faults strike. account tells from
// a body whose request it is.
func (s *Sandbox) operation(op Op, count *atomic.Int64, account func(body []byte) string, next handler) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		count.Add(1)
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBodyBytes))
		if err != nil {
			answerJSON(w, http.StatusRequestEntityTooLarge, struct{}{})
			return
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		f, struck := s.faults.take(op, func() string { return account(body) })
		if struck {
			s.counts.faults.Add(1)
		}
		f.strike(w, r, next)
	}
}

// strike answers the request as the fault says. The zero fault lets it through.
func (f Fault) strike(w http.ResponseWriter, r *http.Request, next handler) {
	if f.Delay > 0 {
		select {
		case <-time.After(f.Delay):
		case <-r.Context().Done():
			return
		}
	}
	answer := next
	if f.Status != 0 {
		answer = instead
	}
	if !f.CutOff {
		answer(w, r, f)
		return
	}
	held := heldAnswer{header: http.Header{}, status: http.StatusOK}
	answer(&held, r, f)
	held.cutOff(w)
}

// instead answers what the fault carries.
func instead(w http.ResponseWriter, _ *http.Request, f Fault) {
	maps.Copy(w.Header(), f.Header)
	w.WriteHeader(f.Status)
	_, _ = io.WriteString(w, f.Body)
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

// cutOff sends the first half of the answer and drops the connection. One byte more
// than there is gets promised, so that an empty body is cut off too.
func (h *heldAnswer) cutOff(w http.ResponseWriter) {
	maps.Copy(w.Header(), h.header)
	w.Header().Set("Content-Length", strconv.Itoa(h.body.Len()+1))
	w.WriteHeader(h.status)
	_, _ = w.Write(h.body.Bytes()[:h.body.Len()/2])
	_ = http.NewResponseController(w).Flush()
	panic(http.ErrAbortHandler) // net/http's way to drop a connection
}
