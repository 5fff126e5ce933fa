package clients

import (
	"net/http"
	"time"
)

// WholeBytes is how much of an answer's body is kept, unpacked, where the answer was of
// use: all of it, so that it can be mapped again. Of a longer one, its beginning is.
const WholeBytes = 16 << 20

// Exchange is a request and what came back, as it may be kept: without secrets.
type Exchange struct {
	Op, Method, URL string
	// Status is the answer's, 0 where none came.
	Status int
	// StartedAt is when the call was made. Until it was sent it may have waited for its
	// turn and for a token.
	StartedAt time.Time
	Duration  time.Duration
	// RequestHeader lacks what signed the request.
	RequestHeader, ResponseHeader http.Header
	// RequestBody, and ResponseBody of an answer that was of no use, are no more than the
	// first 64 KiB, as UTF-8. All are "" where there is none, or none may be kept.
	RequestBody, ResponseBody string
	// ResponseGzip is the body of an answer, compressed (RFC 1952), where it was of use and
	// is long; ResponseBody is "" then. [Exchange.Body] is whichever it is.
	ResponseGzip []byte
	// ResponseBytes is how long the answer's body was, unpacked, as far as it was read.
	ResponseBytes int64
	// Truncated tells that a body went on after what is kept of it, or may have.
	Truncated bool
	// Keep is how much is kept: KeepFull, or KeepMetadata without bodies.
	Keep Keep
	// Code and Message say why the answer was of no use; both are "" of one that was.
	Code    Code
	Message string
}

// Keep says how much of an exchange may be kept.
type Keep string

// What may be kept. The zero value is as good as KeepFull.
const (
	KeepFull Keep = "full"
	// KeepMetadata is for answers that must be stored nowhere, such as consumer credit
	// data: bodies, and the values in URLs, are left out.
	KeepMetadata Keep = "metadata"
	// KeepOff keeps nothing at all; who watches sees what KeepMetadata leaves.
	KeepOff Keep = "off"
)
