package exchange

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"
	"unicode/utf8"
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
	// Detail is how much is kept: KeepFull, or KeepMetadata without bodies.
	Detail Detail
	// Code and Message say why the answer was of no use; both are "" of one that was.
	Code    string
	Message string
}

// Detail says how much of an exchange may be kept.
type Detail string

// What may be kept. The zero value is as good as KeepFull.
const (
	Full Detail = "full"
	// Metadata is for answers that must be stored nowhere, such as consumer credit
	// data: bodies, and the values in URLs, are left out.
	Metadata Detail = "metadata"
	// Off keeps nothing at all; who watches sees what KeepMetadata leaves.
	Off Detail = "off"
)

// plainBytes is how long a body may be to be kept as it is, for people who read the table.
const plainBytes = 4 << 10

// packers are used again: one takes more than a megabyte.
var packers = sync.Pool{New: func() any {
	w, err := gzip.NewWriterLevel(nil, gzip.BestSpeed)
	if err != nil {
		panic(err) // there is such a level
	}
	return w
}}

// SetBody keeps an answer's body, byte for byte.
func (x *Exchange) SetBody(body []byte) {
	if len(body) <= plainBytes && utf8.Valid(body) {
		x.ResponseBody = string(body)
		return
	}
	var packed bytes.Buffer
	w := packers.Get().(*gzip.Writer)
	defer packers.Put(w)
	w.Reset(&packed)
	_, _ = w.Write(body) // a Buffer takes everything
	_ = w.Close()
	x.ResponseGzip = packed.Bytes()
}

// Body is what is kept of the answer's body. The error is that of a damaged one.
func (x *Exchange) Body() ([]byte, error) {
	if x.ResponseGzip == nil {
		return []byte(x.ResponseBody), nil
	}
	r, err := gzip.NewReader(bytes.NewReader(x.ResponseGzip))
	if err != nil {
		return nil, fmt.Errorf("the kept answer: %w", err)
	}
	const room = 2 // secrets that are hidden may become longer
	body, err := io.ReadAll(io.LimitReader(r, room*WholeBytes))
	if err != nil {
		return nil, fmt.Errorf("the kept answer: %w", err)
	}
	return body, nil
}
