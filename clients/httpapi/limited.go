package httpapi

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"orderbeat/clients"
	"orderbeat/clients/httpapi/httpspan"
	"orderbeat/clients/section"
)

// limited applies the provider's rate limit, which 429s reduce, and the pauses after them, and gives
// every exchange, from the first byte sent to the closing of the body, the same timeout. Waiting for
// the rate limit is not part of the exchange.
type limited struct {
	base    http.RoundTripper
	rate    clients.Rate // as configured
	limiter *callRate
	timeout time.Duration
	pause   *pause
	breaker *breaker // decides whether a call that waited may still be sent
	calls   *prometheus.HistogramVec
}

func newLimited(s section.Section, log *slog.Logger) *limited {
	l := &limited{
		base: NewTransport(s.Config), rate: s.Rate, limiter: newCallRate(s.Rate), timeout: s.Timeout, pause: &pause{},
		breaker: newBreaker(len(s.Accounts), log.With("provider", s.Name)),
		calls:   newCallMetrics(s.Name),
	}
	l.breaker.renew = func() { l.renew(time.Now()) }
	return l
}

// succeed shares the rate limit, the pauses and the metrics of an earlier client of the same API, whose calls in
// flight continue, and applies this client's rate. Connections and the breaker are new: the configuration
// of both may have changed.
func (l *limited) succeed(before *limited) {
	before.limiter.tune(l.rate, 0)
	l.limiter, l.pause, l.calls = before.limiter, before.pause, before.calls
}

// renew makes further calls use connections opened after a time.
func (l *limited) renew(before time.Time) {
	if t, ok := l.base.(*Transport); ok {
		t.Renew(before)
	}
}

// RoundTrip implements [http.RoundTripper].
func (l *limited) RoundTrip(req *http.Request) (*http.Response, error) {
	count, err := l.wait(req.Context())
	if err != nil {
		closeBody(req)
		return nil, err
	}
	ctx, cancel := context.WithTimeout(req.Context(), l.timeout)
	began, span := time.Now(), httpspan.Start(req)
	resp, err := l.base.RoundTrip(req.WithContext(ctx))
	if err != nil {
		err = l.timeUp(ctx, began, err)
		l.observe(req.Context(), began, span, 0, err)
		cancel()
		return nil, err
	}
	if !l.pause.noteResponse(resp, count) {
		l.limiter.noteResponse(resp.StatusCode == http.StatusTooManyRequests)
	}
	sendingOf(ctx).note(resp, began)
	resp.Body = &timedBody{
		ReadCloser: resp.Body, timeUp: func(err error) error { return l.timeUp(ctx, began, err) },
		end: func(err error) { //nolint:contextcheck // the request has it
			l.observe(req.Context(), began, span, resp.StatusCode, err)
			cancel()
		},
	}
	return resp, nil
}

// timeUp calls the function timeUp. After a timeout it also replaces all connections of the same
// age.
func (l *limited) timeUp(ctx context.Context, began time.Time, err error) error {
	if err = timeUp(ctx, err); isTimeout(err) {
		l.renew(began)
	}
	return err
}

// wait waits until a call may be sent, and returns the number of pauses so far. A pause or an open
// breaker that begins during the wait for the rate limit blocks it too.
func (l *limited) wait(ctx context.Context) (count int64, err error) {
	openings := l.breaker.openings()
	for {
		if err := l.pause.wait(ctx); err != nil {
			return 0, err
		}
		if err := l.limiter.Wait(ctx); err != nil {
			if errors.Is(err, context.Canceled) {
				return 0, err
			}
			// The limiter also returns an error at once if the deadline would pass during the wait.
			return 0, &clients.Error{Code: clients.CodeUnavailable, NotSent: true, Message: "timed out waiting for the provider's rate limit", Err: context.DeadlineExceeded}
		}
		if err := l.breaker.openedSince(openings); err != nil {
			return 0, err
		}
		if until, count := l.pause.state(); !time.Now().Before(until) {
			return count, nil
		}
	}
}

// timeUp returns err, wrapping [context.DeadlineExceeded] if that is the cause: a connection is closed when ctx
// ends, and a reader only sees the closed connection.
func timeUp(ctx context.Context, err error) error {
	if !errors.Is(ctx.Err(), context.DeadlineExceeded) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	return fmt.Errorf("%w: %w", context.DeadlineExceeded, err)
}

// timedBody ends its exchange when it is closed.
type timedBody struct {
	io.ReadCloser
	timeUp func(error) error
	end    func(error) // gets the error of a read that failed
	failed error
}

func (b *timedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		err = b.timeUp(err)
		b.failed = err
	}
	return n, err
}

func (b *timedBody) Close() error {
	err := b.ReadCloser.Close()
	b.end(b.failed)
	return err
}

func isTimeout(err error) bool {
	if errors.Is(err, context.DeadlineExceeded) {
		return true
	}
	e, ok := errors.AsType[net.Error](err)
	return ok && e.Timeout()
}

// newCallMetrics returns the histogram of a provider's HTTP exchanges, from the first byte sent to the
// end of the response. Waiting for the rate limit and for tokens is not part of it; a call that is
// replayed has two exchanges.
func newCallMetrics(provider string) *prometheus.HistogramVec {
	return prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name:        "orderbeat_provider_call_duration_seconds",
		Help:        "Duration of HTTP calls to a provider, by operation and class: the status such as 2xx or 429, timeout or failed.",
		ConstLabels: prometheus.Labels{"provider": provider},
		Buckets:     []float64{.01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60},
	}, []string{"operation", "class"})
}

// observe counts an exchange with its status, or its error, and ends its span. Cancelled ones say
// nothing about the provider and are not counted.
func (l *limited) observe(ctx context.Context, began time.Time, span *httpspan.Span, status int, err error) {
	class := strconv.Itoa(status/100) + "xx"
	switch {
	case ctx.Err() == context.Canceled:
		span.End(status, "cancelled")
		return
	case isTimeout(err):
		class = "timeout"
	case err != nil:
		class = "failed"
	case status == 401 || status == 429:
		class = strconv.Itoa(status)
	}
	failure := ""
	if err != nil {
		failure = class
	}
	span.End(status, failure)
	l.calls.WithLabelValues(sendingOf(ctx).Op, class).Observe(time.Since(began).Seconds())
}
