package httpapi

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/go-resty/resty/v2"
	"golang.org/x/time/rate"

	"orderbeat/auth"
	"orderbeat/auth/mask"
	"orderbeat/clients"
	"orderbeat/clients/exchange"
	"orderbeat/clients/memory"
	"orderbeat/clients/redact"
	"orderbeat/clients/section"
)

// HTTP asks one provider's API. Above the connection stand, in this order, what
// signs requests (package auth), the provider's rate limit, which counts what auth
// sends again and rests after a 429, and the time limit of each exchange. Before it all
// stands a breaker, which keeps calls back while the provider does not answer. It retries
// nothing and follows no redirect: both would hide from the caller where a question
// went. It is safe for concurrent use.
type HTTP struct {
	client   *resty.Client
	base     *limited     // what all signers of the provider share
	source   *auth.Source // whose tokens sign; nil for any other signer
	provider string
	agent    string
	maxBody  int64
	refused  string // hint where the credentials are refused, "" is the usual one
	keep     exchange.Detail
	hide     redact.Redactor
	mask     *mask.Set               // the secrets that the process knows
	watch    func(exchange.Exchange) // nil hears nothing
	log      *slog.Logger
}

// NewHTTP makes the client of the section's provider. It signs nothing: [HTTP.Bearer]
// and [HTTP.With] do.
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

// Bearer is h with the tokens of a source on every call, which may go to origin only.
// A provider whose tokens belong to users has one for each of them.
func (h *HTTP) Bearer(source *auth.Source, origin *url.URL) *HTTP {
	signed := h.With(func(base http.RoundTripper) http.RoundTripper {
		return &auth.Transport{Base: base, Source: source, Origin: origin, Refuses: Refuses}
	})
	signed.source = source
	return signed
}

// With is h with another signer: sign puts it above the round tripper that it is
// given. All that are made of one client share its connections, rate limit and pauses.
func (h *HTTP) With(sign func(http.RoundTripper) http.RoundTripper) *HTTP {
	signed := *h
	signed.source = nil
	signed.client = resty.NewWithClient(&http.Client{
		Transport:     sign(h.base),
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	})
	signed.client.SetLogger(restyLog{h.log}).SetDoNotParseResponse(true).SetAllowGetMethodPayload(true).SetHeader("Accept-Encoding", acceptEncoding)
	signed.client.SetPreRequestHook(func(_ *resty.Client, req *http.Request) error {
		if req.ContentLength == 0 { // no body at all, where resty has an empty one of unknown length
			req.Body, req.GetBody = http.NoBody, nil
		}
		return nil
	})
	if h.agent != "" {
		signed.client.SetHeader("User-Agent", h.agent)
	}
	return &signed
}

// HintRefused is h with another hint where the API refuses the credentials.
func (h *HTTP) HintRefused(hint string) *HTTP {
	hinting := *h
	hinting.refused = hint
	return &hinting
}

// Call is one question to an API.
type Call struct {
	// Op is the operation in the provider's words, for errors and logs.
	Op string
	// Account is the name of the account that it is about, "" for none in particular.
	Account string
	// Check marks a call that a person waits for, to see whether the provider answers: it
	// is sent also while the breaker keeps others back, and moves that neither way.
	Check bool
	// Idempotent says that asking twice harms nobody: the call is sent again on a new
	// connection where a kept one broke before any answer.
	Idempotent bool
	// Patience is how long in all the call waits, and is sent again, after a 429 or a short
	// 503: for one of several calls that are worth nothing without each other. 0 is not at all.
	Patience time.Duration
	Method   string
	URL      string
	Header   map[string]string
	// Body is sent as it is, with whichever method; nil sends none.
	Body []byte
	// Accept lists statuses, beside 2xx, whose bodies are answers too.
	Accept []int
	// Judge says what an answer means that is not accepted, of whose body it gets the
	// first 64 KiB; nil, or a nil error, leaves it to the status. Provider, Op, Status,
	// After where it has none, and Hint where it has none and agrees with the status,
	// are filled in.
	Judge func(r Response, body []byte) *clients.Error
	// Refused reports whether an answer means that the credentials are refused, although its
	// status and its headers do not say so; nil is never. It gets the body as far as it has
	// no more than 64 KiB: a longer one is no refusal. The call is then sent once more with a
	// new token, as after a 401.
	Refused func(r Response, body []byte) bool
}

// Response is an answer as it comes in.
type Response struct {
	Status int
	Header http.Header
	// Body ends where the answer does, or with an error at [section.Config.MaxBody].
	Body io.Reader
}

// Do sends a call and lets read have the body of a 2xx answer. Read takes it to its
// end, or returns an error; an *[clients.Error] says itself what is wrong, any other one
// means that the body is not the expected document ([clients.CodeBadResponse]). An answer
// that breaks off on the way, or is longer than [section.Config.MaxBody], is told as such
// whatever read makes of it.
//
// A failure is an *[clients.Error], unless ctx was cancelled: then the error wraps
// [context.Canceled].
func (h *HTTP) Do(ctx context.Context, c Call, read func(body io.Reader) error) error {
	return h.Answer(ctx, c, func(r Response) error { return read(r.Body) })
}

// Answer is [HTTP.Do] for who looks at more than the body.
func (h *HTTP) Answer(ctx context.Context, c Call, read func(Response) error) error {
	end := time.Now().Add(c.Patience)
	if deadline, ok := ctx.Deadline(); ok && deadline.Before(end) {
		end = deadline
	}
	for n := 0; ; n++ {
		err := h.guard(ctx, c, func() error { return h.send(ctx, c, read) })
		wait, worth := worthWaiting(err, n)
		if !worth || time.Now().Add(wait).After(end) {
			return err
		}
		h.log.DebugContext(ctx, "call waits and is sent again", "op", c.Op, "wait", wait, "err", err)
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

// Token sees to it that there is a token to sign calls with, which proves the
// credentials at the token endpoint. It is for a client that [HTTP.Bearer] made; its
// errors are those of [HTTP.Do].
func (h *HTTP) Token(ctx context.Context, op string) error {
	_, err := h.source.Token(ctx)
	if err != nil {
		err = timeUp(ctx, err)
	}
	return h.failure(ctx, op, 0, err)
}

// failure is what the caller gets for err; nil for nil.
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

// exchange returns the status of the answer, 0 when none came.
func (h *HTTP) exchange(ctx context.Context, c Call, read func(Response) error) (status int, err error) {
	if kept := exchange.PlaybackOf(ctx); kept != nil {
		answer, err := h.replayed(ctx, kept, &c)
		if err != nil {
			return 0, err
		}
		defer answer.Body.Close()
		return answer.StatusCode, h.take(ctx, &c, answer, read)
	}
	into := h.recording(ctx)
	var again *notes
	sending := ctx
	if into != nil {
		sending, again = noting(ctx)
	}
	if c.Refused != nil {
		sending = context.WithValue(sending, refusedKey{}, c.Refused)
	}
	if c.Idempotent {
		sending = idempotent(sending)
	}
	r := h.client.R().SetContext(sending).SetHeaders(c.Header)
	if c.Body != nil {
		r.SetBody(c.Body) // bytes, which can be sent again after a 401
	}
	began := time.Now()
	resp, err := r.Execute(c.Method, c.URL)
	if err != nil {
		err = timeUp(ctx, err)
		h.noAnswer(ctx, into, &c, again, began, err)
		return 0, err
	}
	raw := resp.RawResponse
	defer raw.Body.Close()
	if into != nil {
		h.sentAgain(ctx, into, &c, again, raw.StatusCode)
	}
	record := h.record(into, &c, resp)
	defer func() { record.end(err) }() //nolint:contextcheck // the request has it
	return raw.StatusCode, h.take(ctx, &c, raw, read)
}

// noAnswer tells who watches, and who records, of a call that brought nothing.
func (h *HTTP) noAnswer(ctx context.Context, into *exchange.Recording, c *Call, again *notes, began time.Time, err error) {
	if into == nil && h.watch == nil {
		return
	}
	x := h.unanswered(ctx, c, began, err)
	if h.watch != nil {
		h.watch(*x)
	}
	if into != nil {
		h.sentAgain(ctx, into, c, again, 0)
		into.Add(func() *exchange.Exchange { return x })
	}
}

// take lets read have an answer that is accepted, and says what is wrong with it.
func (h *HTTP) take(ctx context.Context, c *Call, raw *http.Response, read func(Response) error) error {
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
		err = &clients.Error{Code: clients.CodeBadResponse, Message: "the answer is not the expected document", Err: err}
	}
	return err
}

// Stats reports how calls go, those of all clients that were made of the same one.
func (h *HTTP) Stats() clients.Stats {
	now := h.base.limiter.Limit()
	t := clients.Stats{Breaker: h.base.breaker.now(), PerSecond: float64(now), Rate: h.base.rate.Written(now)}
	if now == rate.Inf {
		t.PerSecond = 0
	}
	return t
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
