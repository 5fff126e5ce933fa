package sandbox

import (
	"bytes"
	"io"
	"net/http"
)

// maxBodyBytes bounds a request's body.
const maxBodyBytes = 1 << 20

// handler answers one operation. f is the fault to obey when struck is true, and does
// nothing otherwise.
type handler func(w http.ResponseWriter, r *http.Request, f Fault, struck bool)

// operation puts the door before a provider's operation that is common to all: it
// reads the body within its limit and takes the fault that strikes. account tells from
// a body whose request it is.
func (s *Sandbox) operation(op Op, account func(body []byte) string, next handler) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBodyBytes))
		if err != nil {
			answerJSON(w, http.StatusRequestEntityTooLarge, struct{}{})
			return
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		f, struck := s.faults.Take(func(f Fault) bool {
			return (f.Op == "" || f.Op == op) && (f.Account == "" || f.Account == account(body))
		})
		if struck {
			s.counts.faults.Add(1)
		}
		next(w, r, f, struck)
	}
}

// nobody is whose requests are that belong to no account.
func nobody([]byte) string { return "" }
