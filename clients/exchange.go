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
	// Status is the answer's, 0 where none came.
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

// end gives the exchange to an error that says that the answer cannot be read, and to who
// watches, and lets the recorder's buffer go.
func (x *recorder) end(err error) {
	e, _ := errors.AsType[*Error](err)
	unreadable := e != nil && e.Code == CodeBadResponse
	if unreadable || x.h.watch != nil {
		x.readOn()
		exchange := x.exchange()
		if unreadable {
			e.Exchange = exchange
		}
		if x.h.watch != nil {
			x.h.watch(*exchange)
		}
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
	e := x.h.asked(x.call, request.RawRequest.Header, request.Time)
	e.Status, e.ResponseHeader, e.ResponseBytes = answer.StatusCode, x.h.hide.Header(answer.Header), x.size
	if x.h.keep == KeepMetadata {
		return e
	}
	more := x.size > keptBytes || !x.ended
	e.Truncated = e.Truncated || more
	if x.kept != nil {
		e.ResponseBody = x.h.shown(answer.Header, *x.kept, more)
	}
	return e
}

// unanswered is the exchange of a call that brought nothing.
func (h *HTTP) unanswered(call *Call, began time.Time) Exchange {
	header := http.Header{}
	for name, value := range call.Header {
		header.Set(name, value)
	}
	return *h.asked(call, header, began)
}

// asked is the half of an exchange that is the request.
func (h *HTTP) asked(call *Call, header http.Header, began time.Time) *Exchange {
	e := &Exchange{
		Op: call.Op, Method: call.Method, URL: h.hide.URL(call.URL), StartedAt: began, Duration: time.Since(began),
		RequestHeader: h.hide.Header(header),
	}
	if h.keep == KeepMetadata {
		e.URL = h.hide.names(call.URL)
		return e
	}
	e.Truncated = len(call.Body) > keptBytes
	e.RequestBody = h.shown(header, call.Body[:min(len(call.Body), keptBytes)], e.Truncated)
	return e
}

// shown is what may be kept of a body. Of a card number there is to be no half: where a
// body is cut, the digits before go too.
func (h *HTTP) shown(header http.Header, body []byte, cut bool) string {
	if cut {
		body = bytes.TrimRight(body, "0123456789 -")
	}
	return strings.ToValidUTF8(string(h.hide.Body(header.Get("Content-Type"), body)), "\uFFFD")
}
