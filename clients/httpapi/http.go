package httpapi

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/go-resty/resty/v2"
	"golang.org/x/time/rate"

	"orderbeat/auth"
	"orderbeat/auth/endpoint"
	"orderbeat/auth/mask"
	"orderbeat/auth/secret"
	"orderbeat/clients"
	"orderbeat/clients/exchange"
	"orderbeat/clients/httpapi/httpspan"
	"orderbeat/clients/memory"
	"orderbeat/clients/redact"
	"orderbeat/clients/section"
)

// HTTP calls one provider's API. A call passes, in this order: the breaker, which blocks calls while
// the provider does not respond, the signer (package auth), the provider's rate limit, which also counts
// replays after a 401 and pauses after a 429, and the timeout of each exchange. Redirects are not
// followed, and a call is sent again only after a 401 or as its Idempotent and Patience allow.
// It is safe for concurrent use.
type HTTP struct {
	client   *resty.Client
	base     *limited     // shared by all signers of the provider
	source   *auth.Source // the source of the tokens; nil for other signers
	provider string
	agent    string
	maxBody  int64
	refused  string // hint for rejected credentials, "" is the default
	keep     exchange.Detail
	hide     redact.Redactor
	mask     *mask.Set               // the secrets that the process knows
	watch    func(exchange.Exchange) // nil for none
	log      *slog.Logger
}

// NewHTTP makes the client of the section's provider. It does not sign: use [HTTP.Bearer],
// [HTTP.Fixed] or [HTTP.With].
func NewHTTP(s section.Section) *HTTP {
	log := s.Log
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	h := &HTTP{
		base:     newLimited(s, log),
		provider: s.Name, agent: s.UserAgent, maxBody: s.MaxBody, mask: s.Mask, hide: redact.Redactor{}.Masking(s.Mask), watch: s.Watch, log: log.With("provider", s.Name),
	}
	return h.With(func(base http.RoundTripper) http.RoundTripper { return base })
}

// Succeed takes over the rate limit, the pauses and the metrics of an earlier client of the same API.
// Call it before any other method.
func (h *HTTP) Succeed(before *HTTP) { h.base.succeed(before.base) }

// Share limits the calls to an equal part of the configured rate, which n processes share.
func (h *HTTP) Share(n int) { h.base.limiter.tune(h.base.rate, n) }

// Bearer returns h with the tokens of a source on every call; calls may only go to origin. Where tokens
// belong to users, each user has a client.
func (h *HTTP) Bearer(source *auth.Source, origin *url.URL) *HTTP {
	signed := h.With(func(base http.RoundTripper) http.RoundTripper {
		return &auth.Transport{Base: base, Source: source, Origin: origin, RejectsToken: TokenRejected}
	})
	signed.source = source
	return signed
}

// With returns h with another signer: sign wraps the given round tripper. All clients derived from one
// share its connections, rate limit and pauses.
func (h *HTTP) With(sign func(http.RoundTripper) http.RoundTripper) *HTTP {
	signed := *h
	signed.source = nil
	signed.client = resty.NewWithClient(&http.Client{
		Transport:     sign(h.base),
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	})
	signed.client.SetLogger(restyLog{h.log}).SetDoNotParseResponse(true).SetAllowGetMethodPayload(true).SetHeader("Accept-Encoding", acceptEncoding)
	signed.client.SetPreRequestHook(func(_ *resty.Client, req *http.Request) error {
		if req.ContentLength == 0 { // no body at all; resty sends an empty one of unknown length
			req.Body, req.GetBody = http.NoBody, nil
		}
		return nil
	})
	if h.agent != "" {
		signed.client.SetHeader("User-Agent", h.agent)
	}
	return &signed
}

// Fixed returns h with constant headers on every call, which may only go to origin, and a source without
// tokens that records whether the credentials were rejected. clientID is part of its key; hint is for
// rejected credentials.
func (h *HTTP) Fixed(s section.Section, origin *url.URL, clientID string, header map[string]secret.Secret, hint string) (*HTTP, *auth.Source, error) {
	var values []string
	for _, name := range slices.Sorted(maps.Keys(header)) {
		values = append(values, header[name].Reveal())
	}
	static, err := auth.NewStatic(auth.Config{
		Provider: s.Name, Environment: s.Environment, ClientID: secret.New(clientID), ClientSecret: secret.New(strings.Join(values, "\n")),
		Dialect: endpoint.Dialect{Errors: map[string]endpoint.Meaning{"": {Class: endpoint.ClassCredential, Hint: hint}}},
		Store:   s.Tokens, Timeout: s.Timeout, Log: s.Log,
	})
	if err != nil {
		return nil, nil, err
	}
	signed := h.With(func(base http.RoundTripper) http.RoundTripper {
		return &auth.Fixed{Base: base, Origin: origin, Source: static, Header: header, RejectsToken: TokenRejected}
	})
	signed.refused = hint
	return signed, static.Source, nil
}

// CompleteTokens sets the fields that all token sources share. Token requests have connections of their
// own: they must not wait for the calls that wait for a token.
func CompleteTokens(c *auth.Config, s section.Section, limiter *clients.SharedRate) {
	c.Provider, c.Environment, c.TokenURL = s.Name, s.Environment, s.TokenURL
	c.ClientID, c.ClientSecret, c.ClientSecretNext = s.ClientID, s.ClientSecret, s.ClientSecretNext
	c.Store, c.Limiter, c.Base, c.Timeout = s.Tokens, limiter, NewTokenTransport(s.Config), s.Timeout
	c.UserAgent, c.Mask, c.Log = s.UserAgent, s.Mask, s.Log
}

// Call is one request to an API.
type Call struct {
	// Op is the operation in the provider's words, for errors and logs.
	Op string
	// Account is the name of the account, "" for none.
	Account string
	// Check marks a call that an operator's check makes: it is also sent while the breaker is
	// open, and does not change it.
	Check bool
	// Idempotent marks a call that may be sent twice: it is sent again on a new connection if a reused one
	// broke before any response.
	Idempotent bool
	// Patience is the total time to wait and send the call again after a 429, or a 503 with a short wait. It is
	// for several calls whose results are only useful together. 0 disables it.
	Patience time.Duration
	Method   string
	URL      string
	Header   map[string]string
	// Body is sent unchanged, with any method; nil sends none.
	Body []byte
	// Accept lists statuses outside 2xx whose bodies are read as well.
	Accept []int
	// Judge classifies a response that is not accepted, given the first 64 KiB of its body; nil, or a
	// nil result, leaves that to the status. Provider, Op, Status, After if it is 0, and Hint if it is
	// empty and fits the status, are filled in.
	Judge func(r Response, body []byte) *clients.Error
	// Refused reports whether a response rejects the credentials although its status and headers do not;
	// nil means never. It gets bodies up to 64 KiB: a longer one is not a rejection. The call is then sent
	// once more with a new token, as after a 401.
	Refused func(r Response, body []byte) bool
}

// Response is a response whose body is being read.
type Response struct {
	Status int
	Header http.Header
	// Body ends with the response, or with an error at [section.Config.MaxBody].
	Body io.Reader
}

// Do sends a call and passes the body of a 2xx response to read. read reads it to its end, or returns
// an error; an *[clients.Error] is returned as it is, any other error means that the body is not the
// expected document ([clients.CodeBadResponse]). A response that is truncated, or longer than
// [section.Config.MaxBody], is reported as such whatever read returns.
//
// A failure is an *[clients.Error], unless ctx was cancelled: then the error wraps
// [context.Canceled].
func (h *HTTP) Do(ctx context.Context, c Call, read func(body io.Reader) error) error {
	return h.Answer(ctx, c, func(r Response) error { return read(r.Body) })
}

// Answer is [HTTP.Do] for callers that need more than the body.
func (h *HTTP) Answer(ctx context.Context, c Call, read func(Response) error) error {
	end := time.Now().Add(c.Patience)
	if deadline, ok := ctx.Deadline(); ok && deadline.Before(end) {
		end = deadline
	}
	for n := 0; ; n++ {
		err := h.guard(ctx, c, func() error { return h.send(ctx, c, read) })
		wait, worth := retryWait(err, n)
		if !worth || time.Now().Add(wait).After(end) {
			return err
		}
		h.log.DebugContext(ctx, "call failed, waiting to send it again", "op", c.Op, "wait", wait, "err", err)
		if sleep(ctx, wait) != nil {
			return h.failure(ctx, c.Op, 0, err)
		}
	}
}

func (h *HTTP) send(ctx context.Context, c Call, read func(Response) error) error {
	began := time.Now()
	status, err := h.exchange(ctx, c, read)
	h.log.DebugContext(ctx, "exchange", "op", c.Op, "status", status, "duration", time.Since(began))
	return h.failure(ctx, c.Op, status, err)
}

// Token obtains a token to sign calls with, which proves the credentials at the token endpoint. It is
// for a client made by [HTTP.Bearer]; its errors are those of [HTTP.Do].
func (h *HTTP) Token(ctx context.Context, op string) error {
	_, err := h.source.Token(ctx)
	if err != nil {
		err = timeUp(ctx, err)
	}
	return h.failure(ctx, op, 0, err)
}

// failure converts err for the caller; nil for nil.
func (h *HTTP) failure(ctx context.Context, op string, status int, err error) error {
	if err == nil {
		return nil
	}
	if errors.Is(ctx.Err(), context.Canceled) {
		return &cancelledError{provider: h.provider, op: op}
	}
	e := h.classify(err)
	e.Provider, e.Op, e.Status = h.provider, op, status
	if e.Code == clients.CodeUnauthorized && h.refused != "" && (e.Hint == "" || e.Hint == hintRefused) {
		e.Hint = h.refused
	}
	e.Message, e.Hint = h.mask.Text(e.Message), h.mask.Text(e.Hint)
	return e
}

// exchange returns the status of the response, 0 for none.
func (h *HTTP) exchange(ctx context.Context, c Call, read func(Response) error) (status int, err error) {
	if kept := exchange.PlaybackOf(ctx); kept != nil {
		answer, err := h.replayed(ctx, kept, &c)
		if err != nil {
			return 0, err
		}
		defer answer.Body.Close()
		return answer.StatusCode, h.accept(ctx, &c, answer, read)
	}
	sent := &sending{Call: &c, into: h.recording(ctx)}
	sending := httpspan.Call(context.WithValue(ctx, sendingKey{}, sent), c.Op, func() string { return h.shownURL(&c) })
	r := h.client.R().SetContext(sending).SetHeaders(c.Header)
	if c.Body != nil {
		r.SetBody(c.Body) // bytes, which can be sent again after a 401
	}
	began := time.Now()
	resp, err := r.Execute(c.Method, c.URL)
	if err != nil {
		err = timeUp(ctx, err)
		h.noAnswer(ctx, sent, began, err)
		return 0, err
	}
	raw := resp.RawResponse
	defer raw.Body.Close()
	h.recordReplays(ctx, sent, raw.StatusCode)
	record := h.record(sent, resp)
	defer func() { record.end(err) }() //nolint:contextcheck // the request has it
	return raw.StatusCode, h.accept(ctx, &c, raw, read)
}

// noAnswer reports a call without a response to Watch and to the recording.
func (h *HTTP) noAnswer(ctx context.Context, s *sending, began time.Time, err error) {
	if s.into == nil && h.watch == nil {
		return
	}
	x, failure := h.requestOf(ctx, s.Call, s.header(), began, time.Since(began)), h.classify(err)
	x.Code, x.Message = string(failure.Code), h.mask.Text(failure.Message)
	if h.watch != nil {
		h.watch(*x)
	}
	if s.into != nil {
		h.recordReplays(ctx, s, 0)
		s.into.Add(func() *exchange.Exchange { return x })
	}
}

// accept passes an accepted response to read, and classifies the others.
func (h *HTTP) accept(ctx context.Context, c *Call, raw *http.Response, read func(Response) error) error {
	if (raw.StatusCode < 200 || raw.StatusCode > 299) && !slices.Contains(c.Accept, raw.StatusCode) {
		return c.refused(raw)
	}
	meter := memory.NewMeter(ctx)
	defer meter.Free()
	body := &boundedBody{body: raw.Body, left: h.maxBody, meter: meter}
	err := read(Response{Status: raw.StatusCode, Header: raw.Header, Body: body})
	switch {
	case body.tooLong:
		return tooLong(h.maxBody)
	case body.broken != nil:
		return body.broken
	case body.refused != nil:
		return body.refused
	case err != nil && ctx.Err() != nil:
		return timeUp(ctx, err)
	}
	if _, ok := errors.AsType[*clients.Error](err); err != nil && !ok {
		err = &clients.Error{Code: clients.CodeBadResponse, Message: "the response is not the expected document", Err: err}
	}
	return err
}

// Stats reports the current state of calls, over all clients derived from the same one.
func (h *HTTP) Stats() clients.Stats {
	now := h.base.limiter.Limit()
	t := clients.Stats{Breaker: h.base.breaker.now(), PerSecond: float64(now), Rate: h.base.rate.Written(now), Calls: h.base.calls}
	if now == rate.Inf {
		t.PerSecond = 0
	}
	return t
}

// cancelledError is a call that its caller cancelled.
type cancelledError struct{ provider, op string }

func (e *cancelledError) Error() string { return e.provider + ": " + e.op + ": cancelled" }

func (e *cancelledError) Unwrap() error { return context.Canceled }

// restyLog passes on resty's messages without their arguments, which are URLs, headers and bodies.
type restyLog struct{ log *slog.Logger }

func (l restyLog) Errorf(format string, _ ...any) { l.log.Warn("resty", "remark", format) }
func (l restyLog) Warnf(format string, _ ...any)  { l.log.Warn("resty", "remark", format) }
func (l restyLog) Debugf(format string, _ ...any) { l.log.Debug("resty", "remark", format) }
