package exchange

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/klauspost/compress/gzip"
)

// WholeBytes is the limit for recorded bodies of successful responses, uncompressed: they are
// complete for a remap. Only the beginning of a longer body is recorded.
const WholeBytes = 16 << 20

// Exchange is a request and its response, redacted for storage.
type Exchange struct {
	Op, Method, URL string
	// Status is the HTTP status, 0 without a response.
	Status int
	// StartedAt is when the call was made. It may be sent later, after waiting for the rate limit and
	// for a token.
	StartedAt time.Time
	Duration  time.Duration
	// RequestHeader lacks the headers that sign the request.
	RequestHeader, ResponseHeader http.Header
	// RequestBody, and ResponseBody of a failed call, are at most the first 64 KiB, as UTF-8. They are
	// "" if there is no body, or none may be recorded.
	RequestBody, ResponseBody string
	// ResponseGzip is the body of a long successful response, compressed (RFC 1952); ResponseBody is ""
	// then. [Exchange.Body] returns either.
	ResponseGzip []byte
	// ResponseBytes is the length of the response's body, uncompressed, as far as it was read.
	ResponseBytes int64
	// Truncated reports that a recorded body is, or may be, incomplete.
	Truncated bool
	// Detail is how much is recorded.
	Detail Detail
	// Code and Message are the failure of the call; both are "" for a success.
	Code    string
	Message string
}

// Detail is how much of an exchange is recorded.
type Detail string

// The levels of detail. The zero value means Full.
const (
	Full Detail = "full"
	// Metadata is for responses that must not be stored, such as consumer credit data: bodies and the
	// values in URLs are omitted.
	Metadata Detail = "metadata"
	// Off records nothing; Watch gets the same as with Metadata.
	Off Detail = "off"
)

// plainBytes is the longest body that is stored uncompressed, readable in the table.
const plainBytes = 4 << 10

// packers are reused: each takes more than 1 MB of memory.
var packers = sync.Pool{New: func() any {
	w, err := gzip.NewWriterLevel(nil, gzip.BestSpeed)
	if err != nil {
		panic(err) // the level is valid
	}
	return w
}}

// SetBody records a response's body, byte for byte.
func (x *Exchange) SetBody(body []byte) {
	if len(body) <= plainBytes && utf8.Valid(body) {
		x.ResponseBody = string(body)
		return
	}
	var packed bytes.Buffer
	w := packers.Get().(*gzip.Writer)
	defer packers.Put(w)
	w.Reset(&packed)
	_, _ = w.Write(body) // writing to a Buffer never fails
	_ = w.Close()
	x.ResponseGzip = packed.Bytes()
}

// Body returns the recorded body of the response. The error reports damaged data.
func (x *Exchange) Body() ([]byte, error) {
	if x.ResponseGzip == nil {
		return []byte(x.ResponseBody), nil
	}
	r, err := gzip.NewReader(bytes.NewReader(x.ResponseGzip))
	if err != nil {
		return nil, fmt.Errorf("the recorded response: %w", err)
	}
	const room = 2 // redaction may make a body longer
	body, err := io.ReadAll(io.LimitReader(r, room*WholeBytes))
	if err != nil {
		return nil, fmt.Errorf("the recorded response: %w", err)
	}
	return body, nil
}
