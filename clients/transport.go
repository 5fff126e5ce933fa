package clients

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"time"

	"golang.org/x/time/rate"
)

// NewTransport makes the connections to one provider: as many as jobs may ask at
// once ([Config.Concurrency]), as many again for people who wait for an answer, all
// kept open between calls. TLS is 1.2 or newer. Proxies are taken from the
// environment (HTTPS_PROXY, NO_PROXY).
func NewTransport(c Config) *http.Transport {
	const connect = 10 * time.Second
	connections := 2 * c.Concurrency
	return &http.Transport{
		Proxy:                 http.ProxyFromEnvironment,
		DialContext:           (&net.Dialer{Timeout: connect, KeepAlive: 30 * time.Second}).DialContext,
		ForceAttemptHTTP2:     true,
		TLSClientConfig:       &tls.Config{MinVersion: tls.VersionTLS12},
		TLSHandshakeTimeout:   connect,
		ResponseHeaderTimeout: c.Timeout,
		MaxConnsPerHost:       connections,
		MaxIdleConnsPerHost:   connections,
		MaxIdleConns:          connections,
		IdleConnTimeout:       90 * time.Second,
	}
}

// limited keeps to the provider's rate, which 429s slow down, and to the pauses that they
// ask for, and gives every exchange, from the first byte sent to the closing of the body, the same
// time. Waiting for a turn is no part of the exchange.
type limited struct {
	base    http.RoundTripper
	rate    Rate // as configured
	limiter *rate.Limiter
	timeout time.Duration
	pause   pause
	slow    slowdown
	breaker *breaker // knows whether a call that waited is still wanted
}

func newLimited(s Section, log *slog.Logger) *limited {
	return &limited{
		base: NewTransport(s.Config), rate: s.Rate, limiter: s.Rate.Limiter(), timeout: s.Timeout,
		breaker: newBreaker(len(s.Accounts), log.With("provider", s.Name)),
	}
}

// RoundTrip implements [http.RoundTripper].
func (l *limited) RoundTrip(req *http.Request) (*http.Response, error) {
	count, err := l.turn(req.Context())
	if err != nil {
		if req.Body != nil {
			_ = req.Body.Close()
		}
		return nil, err
	}
	ctx, cancel := context.WithTimeout(req.Context(), l.timeout)
	began := time.Now()
	resp, err := l.base.RoundTrip(req.WithContext(ctx))
	if err != nil {
		err = timeUp(ctx, err)
		cancel()
		return nil, err
	}
	if !l.pause.answered(resp, count) {
		l.slow.answered(l.limiter, resp.StatusCode == http.StatusTooManyRequests)
	}
	note(ctx, resp, began)
	resp.Body = &timedBody{ReadCloser: resp.Body, timeUp: func(err error) error { return timeUp(ctx, err) }, cancel: cancel}
	return resp, nil
}

// turn waits until a call may be sent, and returns how many pauses began before. A
// pause that begins while the call waits for the rate keeps it back too, and so does a
// breaker that opens meanwhile.
func (l *limited) turn(ctx context.Context) (count int64, err error) {
	openings := l.breaker.openings()
	for {
		if err := l.pause.wait(ctx); err != nil {
			return 0, err
		}
		if err := l.limiter.Wait(ctx); err != nil {
			if errors.Is(err, context.Canceled) {
				return 0, err
			}
			// The limiter also gives up when the deadline would come before the turn.
			return 0, &Error{Code: CodeUnavailable, NotSent: true, Message: "no turn within the provider's rate in time", Err: context.DeadlineExceeded}
		}
		if err := l.breaker.openedSince(openings); err != nil {
			return 0, err
		}
		if until, count := l.pause.state(); !time.Now().Before(until) {
			l.slow.sent(l.limiter)
			return count, nil
		}
	}
}

// timeUp is err, and [context.DeadlineExceeded] where that is why: a connection is
// closed when ctx ends, and who is about to read it then only sees that.
func timeUp(ctx context.Context, err error) error {
	if !errors.Is(ctx.Err(), context.DeadlineExceeded) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	return fmt.Errorf("%w: %w", context.DeadlineExceeded, err)
}

// timedBody ends its exchange's time limit when it is closed.
type timedBody struct {
	io.ReadCloser
	timeUp func(error) error
	cancel context.CancelFunc
}

func (b *timedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		err = b.timeUp(err)
	}
	return n, err
}

func (b *timedBody) Close() error {
	err := b.ReadCloser.Close()
	b.cancel()
	return err
}
