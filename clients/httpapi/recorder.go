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

// keptBytes is the limit for recorded bodies of requests and of failed responses, and for bodies
// passed to Watch.
const keptBytes = 64 << 10

// Keeping returns h with another level of detail and another redactor for recorded exchanges. The default
// is full detail with the zero [redact.Redactor]. The secrets of [section.Section.Mask] are always
// masked.
func (h *HTTP) Keeping(keep exchange.Detail, hide redact.Redactor) *HTTP {
	other := *h
	other.keep, other.hide = keep, hide.Masking(h.mask)
	return &other
}

func (h *HTTP) bodies() bool { return h.keep == exchange.Full || h.keep == "" }

// recording returns the recording of a call, nil for none.
func (h *HTTP) recording(ctx context.Context) *exchange.Recording {
	if h.keep == exchange.Off {
		return nil
	}
	return exchange.RecordingOf(ctx)
}

// recorder is a response's body that remembers what was read, in case the exchange is recorded.
type recorder struct {
	io.ReadCloser
	*sending
	h       *HTTP
	request *http.Request
	answer  *http.Response
	began   time.Time
	most    int     // limit of the remembered body, in bytes
	kept    *[]byte // from buffers; nil until something is read
	size    int64
	ended   bool
}

// buffers of recorders. They grow as needed; one above pooledBytes is not reused.
var buffers = sync.Pool{New: func() any { return new([]byte) }}

const pooledBytes = 1 << 20

// record wraps the body of a response in a recorder.
func (h *HTTP) record(s *sending, resp *resty.Response) *recorder {
	x := &recorder{
		ReadCloser: resp.RawResponse.Body, sending: s, h: h, request: resp.Request.RawRequest, answer: resp.RawResponse,
		began: resp.Request.Time, most: keptBytes,
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

// end attaches the exchange to an error about an unreadable response, passes it to Watch and to the
// recording, and frees the buffer.
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
	default: // in the background: redacting and compressing a long body takes time
		whole := *x
		x.kept = nil
		x.into.Add(func() *exchange.Exchange {
			defer whole.release()
			return whole.success(took)
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

// readOn reads the rest of a failed response up to the limit, and one byte more to detect truncation.
func (x *recorder) readOn() {
	for range 2 { // reading continues after invalid bytes
		if x.h.bodies() && !x.ended {
			_, _ = io.CopyN(io.Discard, x, keptBytes+1-min(x.size, keptBytes)) // the rest is not recorded
		}
	}
}

// exchange returns the exchange to record for a failed response, and to pass to Watch for any response.
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
	e.ResponseBody = x.h.recordedBody(x.request.Context(), x.answer.Header, (*x.kept)[:min(len(*x.kept), keptBytes)], more)
	return e
}

// success returns the exchange to record for a successful response.
func (x *recorder) success(took time.Duration) *exchange.Exchange {
	e := x.head(took)
	if !x.h.bodies() || x.kept == nil {
		return e
	}
	e.Truncated = e.Truncated || x.size > int64(len(*x.kept)) || !x.ended
	e.SetBody(x.h.hide.Body(x.request.Context(), x.answer.Header.Get("Content-Type"), *x.kept))
	return e
}

// head is an exchange without the response's body.
func (x *recorder) head(took time.Duration) *exchange.Exchange {
	e := x.h.requestOf(x.request.Context(), x.Call, x.request.Header, x.began, took)
	e.Status, e.ResponseHeader, e.ResponseBytes = x.answer.StatusCode, x.h.hide.Header(x.answer.Header), x.size
	return e
}

// header returns the headers that a call itself adds.
func (c *Call) header() http.Header {
	header := http.Header{}
	for name, value := range c.Header {
		header.Set(name, value)
	}
	return header
}

func (h *HTTP) requestOf(ctx context.Context, call *Call, header http.Header, began time.Time, took time.Duration) *exchange.Exchange {
	e := &exchange.Exchange{
		Op: call.Op, Method: call.Method, URL: h.shownURL(call), StartedAt: began, Duration: took,
		RequestHeader: h.hide.Header(header), Detail: exchange.Full,
	}
	if !h.bodies() {
		e.Detail = exchange.Metadata
		return e
	}
	e.Truncated = len(call.Body) > keptBytes
	e.RequestBody = h.recordedBody(ctx, header, call.Body[:min(len(call.Body), keptBytes)], e.Truncated)
	return e
}

// shownURL returns the URL of a call in the form that may be recorded.
func (h *HTTP) shownURL(call *Call) string {
	if !h.bodies() {
		return h.hide.Names(call.URL)
	}
	return h.hide.URL(call.URL)
}

// recordedBody returns the part of a body that may be recorded. If the cut may be within a card number, the
// digits before it are dropped too.
func (h *HTTP) recordedBody(ctx context.Context, header http.Header, body []byte, cut bool) string {
	if cut {
		body = bytes.TrimRight(body, "0123456789 -")
	}
	return strings.ToValidUTF8(string(h.hide.Body(ctx, header.Get("Content-Type"), body)), "\uFFFD")
}
