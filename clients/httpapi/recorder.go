package httpapi

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/go-resty/resty/v2"

	"orderbeat/clients"
	"orderbeat/clients/exchange"
	"orderbeat/clients/redact"
)

// keptBytes is how much is kept of a request's body, of that of an answer that was of no
// use, and of what is shown to who watches.
const keptBytes = 64 << 10

// Keeping is h with other rules of what is kept of an exchange, and what is hidden in it.
// Without, it is everything but what the zero [redact.Redactor] hides. The secrets of
// [section.Section.Mask] are hidden in any case.
func (h *HTTP) Keeping(keep exchange.Detail, hide redact.Redactor) *HTTP {
	other := *h
	other.keep, other.hide = keep, hide.Masking(h.mask)
	return &other
}

// bodies reports whether bodies may be kept.
func (h *HTTP) bodies() bool { return h.keep == exchange.Full || h.keep == "" }

// recording is where a call is recorded, nil for nowhere.
func (h *HTTP) recording(ctx context.Context) *exchange.Recording {
	if h.keep == exchange.Off {
		return nil
	}
	return exchange.RecordingOf(ctx)
}

// recorder is an answer's body that remembers what was read of it, in case that the
// exchange must be kept.
type recorder struct {
	io.ReadCloser
	h       *HTTP
	call    *Call
	request *http.Request
	answer  *http.Response
	began   time.Time
	into    *exchange.Recording // nil where nothing is recorded
	most    int                 // how much of the body is remembered, in bytes
	kept    *[]byte             // from buffers; nil until something is read
	size    int64
	ended   bool
}

// buffers are those of recorders. They grow as answers need it; one that grew beyond
// pooledBytes is not used again.
var buffers = sync.Pool{New: func() any { return new([]byte) }}

const pooledBytes = 1 << 20

// record puts a recorder into an answer.
func (h *HTTP) record(into *exchange.Recording, call *Call, resp *resty.Response) *recorder {
	x := &recorder{
		ReadCloser: resp.RawResponse.Body, h: h, call: call, request: resp.Request.RawRequest, answer: resp.RawResponse,
		began: resp.Request.Time, into: into, most: keptBytes,
	}
	if x.into != nil {
		x.most = exchange.WholeBytes
	}
	resp.RawResponse.Body = x
	return x
}

func (x *recorder) Read(p []byte) (int, error) {
	n, err := x.ReadCloser.Read(p)
	x.size += int64(n)
	x.ended = x.ended || err == io.EOF
	if !x.h.bodies() {
		return n, err
	}
	if x.kept == nil {
		x.kept = buffers.Get().(*[]byte)
	}
	*x.kept = append(*x.kept, p[:min(n, x.most-len(*x.kept))]...)
	return n, err
}

// end gives the exchange to an error that says that the answer cannot be read, to who
// watches, and to who records, and lets the recorder's buffer go.
func (x *recorder) end(err error) {
	defer x.release()
	var failure *clients.Error
	if err != nil {
		failure = x.h.classify(err)
	}
	unreadable := failure != nil && failure.Code == clients.CodeBadResponse
	if unreadable || x.h.watch != nil || x.into != nil {
		x.readOn()
	}
	took := time.Since(x.began)
	if unreadable && x.h.keep != exchange.Off {
		failure.Exchange = x.exchange(took, failure)
	}
	if x.h.watch != nil {
		x.h.watch(*x.exchange(took, failure))
	}
	switch {
	case x.into == nil:
	case failure != nil:
		kept := x.exchange(took, failure)
		x.into.Add(func() *exchange.Exchange { return kept })
	default: // what is long takes a while to be hidden in and packed, which nobody waits for
		whole := *x
		x.kept = nil
		x.into.Add(func() *exchange.Exchange {
			defer whole.release()
			return whole.whole(took)
		})
	}
}

func (x *recorder) release() {
	if x.kept != nil && cap(*x.kept) <= pooledBytes {
		*x.kept = (*x.kept)[:0]
		buffers.Put(x.kept)
	}
	x.kept = nil
}

// readOn reads what is to be kept where a decoder has given up early, and a byte more,
// which tells whether that is all.
func (x *recorder) readOn() {
	for range 2 { // reading goes on behind invalid bytes
		if x.h.bodies() && !x.ended {
			_, _ = io.CopyN(io.Discard, x, keptBytes+1-min(x.size, keptBytes)) // what does not come is not kept
		}
	}
}

// exchange is what is kept of an answer that was of no use, and shown of any.
func (x *recorder) exchange(took time.Duration, failure *clients.Error) *exchange.Exchange {
	e := x.head(took)
	if failure != nil {
		e.Code, e.Message = string(failure.Code), x.h.mask.Text(failure.Message)
	}
	if !x.h.bodies() || x.kept == nil {
		return e
	}
	more := x.size > keptBytes || !x.ended
	e.Truncated = e.Truncated || more
	e.ResponseBody = x.h.shown(x.request.Context(), x.answer.Header, (*x.kept)[:min(len(*x.kept), keptBytes)], more)
	return e
}

// whole is what is kept of an answer that was of use.
func (x *recorder) whole(took time.Duration) *exchange.Exchange {
	e := x.head(took)
	if !x.h.bodies() || x.kept == nil {
		return e
	}
	e.Truncated = e.Truncated || x.size > int64(len(*x.kept)) || !x.ended
	e.SetBody(x.h.hide.Body(x.request.Context(), x.answer.Header.Get("Content-Type"), *x.kept))
	return e
}

// head is an exchange without the answer's body.
func (x *recorder) head(took time.Duration) *exchange.Exchange {
	e := x.h.asked(x.request.Context(), x.call, x.request.Header, x.began, took)
	e.Status, e.ResponseHeader, e.ResponseBytes = x.answer.StatusCode, x.h.hide.Header(x.answer.Header), x.size
	return e
}

// unanswered is the exchange of a call that brought nothing.
func (h *HTTP) unanswered(ctx context.Context, call *Call, began time.Time, err error) *exchange.Exchange {
	e := h.asked(ctx, call, call.header(), began, time.Since(began))
	failure := h.classify(err)
	e.Code, e.Message = string(failure.Code), h.mask.Text(failure.Message)
	return e
}

// header is what a call itself adds to a request.
func (c *Call) header() http.Header {
	header := http.Header{}
	for name, value := range c.Header {
		header.Set(name, value)
	}
	return header
}

// asked is the half of an exchange that is the request.
func (h *HTTP) asked(ctx context.Context, call *Call, header http.Header, began time.Time, took time.Duration) *exchange.Exchange {
	e := &exchange.Exchange{
		Op: call.Op, Method: call.Method, URL: h.hide.URL(call.URL), StartedAt: began, Duration: took,
		RequestHeader: h.hide.Header(header), Detail: exchange.Full,
	}
	if !h.bodies() {
		e.URL, e.Detail = h.hide.Names(call.URL), exchange.Metadata
		return e
	}
	e.Truncated = len(call.Body) > keptBytes
	e.RequestBody = h.shown(ctx, header, call.Body[:min(len(call.Body), keptBytes)], e.Truncated)
	return e
}

// shown is what may be kept of a body. Of a card number there is to be no half: where a
// body is cut, the digits before go too.
func (h *HTTP) shown(ctx context.Context, header http.Header, body []byte, cut bool) string {
	if cut {
		body = bytes.TrimRight(body, "0123456789 -")
	}
	return strings.ToValidUTF8(string(h.hide.Body(ctx, header.Get("Content-Type"), body)), "\uFFFD")
}
