package sandbox

import (
	"bytes"
	"io"
	"net/http"
	"sync/atomic"

	"orderbeat/clients/sandbox/wire"
)

const maxBodyBytes = 1 << 20

// handler serves one operation. f is the fault to apply; it is empty unless struck is true.
type handler func(w http.ResponseWriter, r *http.Request, f Fault, struck bool)

// operation wraps a provider's operation: it counts the request, reads its body within the limit and
// selects the fault.
func (s *Sandbox) operation(op Op, account whose, next handler) http.HandlerFunc {
	count := s.counts.requests[op]
	if count == nil {
		count = &atomic.Int64{}
		s.counts.requests[op] = count
	}
	return func(w http.ResponseWriter, r *http.Request) {
		count.Add(1)
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBodyBytes))
		if err != nil {
			wire.WriteJSON(w, http.StatusRequestEntityTooLarge, struct{}{})
			return
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		f, struck := s.faults.Take(func(f Fault) bool {
			return (f.Op == "" || f.Op == op) && (f.Account == "" || f.Account == account(r, body))
		})
		if struck {
			s.counts.faults.Add(1)
		}
		next(w, r, f, struck)
	}
}
