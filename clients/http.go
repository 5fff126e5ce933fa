package clients

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"time"

	"github.com/go-resty/resty/v2"
)

// HTTP asks one provider's API. Above the connection stand, in this order, what
// signs requests (package auth), the provider's rate limit, which counts what auth
// sends again and rests after a 429, and the time limit of each exchange. It retries
// nothing and follows no redirect: both would hide from the caller where a question
// went. It is safe for concurrent use.
type HTTP struct {
	client   *resty.Client
	provider string
	maxBody  int64
	log      *slog.Logger
}

// NewHTTP makes the client of the section's provider. Sign puts what signs requests
// above the round tripper it is given; nil signs nothing.
func NewHTTP(s Section, sign func(http.RoundTripper) http.RoundTripper) *HTTP {
	var rt http.RoundTripper = &limited{base: NewTransport(s.Config), limiter: s.Rate.Limiter(), timeout: s.Timeout}
	if sign != nil {
		rt = sign(rt)
	}
	log := s.Log
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	log = log.With("provider", s.Name)
	client := resty.NewWithClient(&http.Client{
		Transport:     rt,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	})
	client.SetLogger(restyLog{log}).SetDoNotParseResponse(true)
	if s.UserAgent != "" {
		client.SetHeader("User-Agent", s.UserAgent)
	}
	return &HTTP{client: client, provider: s.Name, maxBody: s.MaxBody, log: log}
}

// Call is one question to an API.
type Call struct {
	// Op is the operation in the provider's words, for errors and logs.
	Op     string
	Method string
	URL    string
	Header map[string]string
	// Body is sent as it is; nil sends none.
	Body []byte
}

// Do sends a call and lets read have the body of a 2xx answer. Read takes it to its
// end, or returns an error; an *[Error] says itself what is wrong, any other one
// means that the body is not the expected document ([CodeBadResponse]). An answer
// that breaks off on the way, or is longer than [Config.MaxBody], is told as such
// whatever read makes of it.
//
// A failure is an *[Error], unless ctx was cancelled: then the error wraps
// [context.Canceled].
func (h *HTTP) Do(ctx context.Context, c Call, read func(body io.Reader) error) error {
	began := time.Now()
	status, err := h.exchange(ctx, c, read)
	if err != nil && errors.Is(ctx.Err(), context.Canceled) {
		return &cancelledError{provider: h.provider, op: c.Op}
	}
	h.log.DebugContext(ctx, "exchange", "op", c.Op, "status", status, "duration", time.Since(began))
	if err == nil {
		return nil
	}
	e := h.classify(err)
	e.Provider, e.Op, e.Status = h.provider, c.Op, status
	return e
}

// exchange returns the status of the answer, 0 when none came.
func (h *HTTP) exchange(ctx context.Context, c Call, read func(io.Reader) error) (status int, err error) {
	r := h.client.R().SetContext(ctx).SetHeaders(c.Header)
	if c.Body != nil {
		r.SetBody(c.Body) // bytes, which can be sent again after a 401
	}
	resp, err := r.Execute(c.Method, c.URL)
	if err != nil {
		return 0, timeUp(ctx, err)
	}
	raw := resp.RawResponse
	defer raw.Body.Close()
	if raw.StatusCode < 200 || raw.StatusCode > 299 {
		drain(raw.Body)
		return raw.StatusCode, refusal(raw)
	}
	body := &boundedBody{body: raw.Body, left: h.maxBody}
	err = read(body)
	switch {
	case body.tooLong:
		return raw.StatusCode, tooLong(h.maxBody)
	case body.broken != nil:
		return raw.StatusCode, body.broken
	}
	if _, ok := errors.AsType[*Error](err); err != nil && !ok {
		err = &Error{Code: CodeBadResponse, Message: "the answer is not the expected document", Err: err}
	}
	return raw.StatusCode, err
}

// cancelledError is a call that its caller gave up.
type cancelledError struct{ provider, op string }

func (e *cancelledError) Error() string { return e.provider + ": " + e.op + ": cancelled" }

func (e *cancelledError) Unwrap() error { return context.Canceled }

// restyLog passes on what resty remarks, without what it remarks it about: the
// arguments are URLs, headers and bodies.
type restyLog struct{ log *slog.Logger }

func (l restyLog) Errorf(format string, _ ...any) { l.log.Warn("resty", "remark", format) }
func (l restyLog) Warnf(format string, _ ...any)  { l.log.Warn("resty", "remark", format) }
func (l restyLog) Debugf(format string, _ ...any) { l.log.Debug("resty", "remark", format) }
