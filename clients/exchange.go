package clients

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/go-resty/resty/v2"
)

// keptBytes is how much of a body is kept.
const keptBytes = 64 << 10

// Exchange is a request and what came back, as it may be kept: without secrets, and with
// no more than the first 64 KiB of the bodies.
type Exchange struct {
	Op, Method, URL string
	// Status is the answer's.
	Status int
	// StartedAt is when the call was made. Until it was sent it may have waited for its
	// turn and for a token.
	StartedAt time.Time
	Duration  time.Duration
	// RequestHeader lacks what signed the request.
	RequestHeader, ResponseHeader http.Header
	// RequestBody and ResponseBody are "" where there is none, or none may be kept.
	RequestBody, ResponseBody string
	// ResponseBytes is how long the answer's body was, unpacked, as far as it was read.
	ResponseBytes int64
	// Truncated tells that a body went on after what is kept of it, or may have.
	Truncated bool
}

// Keep says how much of an exchange may be kept.
type Keep string

// What may be kept. The zero value is as good as KeepFull.
const (
	KeepFull Keep = "full"
	// KeepMetadata is for answers that must be stored nowhere, such as consumer credit
	// data: bodies, and the values in URLs, are left out.
	KeepMetadata Keep = "metadata"
)

// Keeping is h with other rules of what is kept of an exchange, and what is hidden in it.
// Without, it is everything but what the zero [Redactor] hides.
func (h *HTTP) Keeping(keep Keep, hide Redactor) *HTTP {
	other := *h
	other.keep, other.hide = keep, hide
	return &other
}

// recorder is an answer's body that remembers what was read of it, in case that the
// exchange must be kept.
type recorder struct {
	io.ReadCloser
	h     *HTTP
	call  *Call
	resp  *resty.Response
	kept  *[]byte // from buffers; nil until something is read
	size  int64
	ended bool
}

// buffers are those of recorders. They grow as answers need it, up to keptBytes.
var buffers = sync.Pool{New: func() any { return new([]byte) }}

// record puts a recorder into an answer.
func (h *HTTP) record(call *Call, resp *resty.Response) *recorder {
	x := &recorder{ReadCloser: resp.RawResponse.Body, h: h, call: call, resp: resp}
	resp.RawResponse.Body = x
	return x
}

func (x *recorder) Read(p []byte) (int, error) {
	n, err := x.ReadCloser.Read(p)
	x.size += int64(n)
	x.ended = x.ended || err == io.EOF
	if x.h.keep == KeepMetadata {
		return n, err
	}
	if x.kept == nil {
		x.kept = buffers.Get().(*[]byte)
	}
	*x.kept = append(*x.kept, p[:min(n, keptBytes-len(*x.kept))]...)
	return n, err
}

// end gives the exchange to an error that says that the answer cannot be read, and lets
// the recorder's buffer go.
func (x *recorder) end(err error) {
	if e, ok := errors.AsType[*Error](err); ok && e.Code == CodeBadResponse {
		x.readOn()
		e.Exchange = x.exchange()
	}
	if x.kept != nil {
		*x.kept = (*x.kept)[:0]
		buffers.Put(x.kept)
		x.kept = nil
	}
}

// readOn reads what is to be kept where a decoder has given up early, and a byte more,
// which tells whether that is all.
func (x *recorder) readOn() {
	if x.h.keep != KeepMetadata {
		_, _ = io.CopyN(io.Discard, x, keptBytes+1-x.size) // what does not come is not kept
	}
}

func (x *recorder) exchange() *Exchange {
	request, answer := x.resp.Request, x.resp.RawResponse
	e := &Exchange{
		Op: x.call.Op, Method: x.call.Method, URL: x.h.hide.URL(x.call.URL), Status: answer.StatusCode,
		StartedAt: request.Time, Duration: time.Since(request.Time),
		RequestHeader: x.h.hide.Header(request.RawRequest.Header), ResponseHeader: x.h.hide.Header(answer.Header),
		ResponseBytes: x.size,
	}
	if x.h.keep == KeepMetadata {
		e.URL = x.h.hide.names(x.call.URL)
		return e
	}
	asked, more := x.call.Body, x.size > keptBytes || !x.ended
	e.Truncated = more || len(asked) > keptBytes
	e.RequestBody = x.shown(request.RawRequest.Header, asked[:min(len(asked), keptBytes)], len(asked) > keptBytes)
	if x.kept != nil {
		e.ResponseBody = x.shown(answer.Header, *x.kept, more)
	}
	return e
}

// shown is what may be kept of a body. Of a card number there is to be no half: where a
// body is cut, the digits before go too.
func (x *recorder) shown(h http.Header, body []byte, cut bool) string {
	if cut {
		body = bytes.TrimRight(body, "0123456789 -")
	}
	return strings.ToValidUTF8(string(x.h.hide.Body(h.Get("Content-Type"), body)), "\uFFFD")
}
