package httpapi

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"sync"
	"sync/atomic"
	"time"

	"orderbeat/auth/endpoint"
	"orderbeat/clients/section"
)

const (
	connectTimeout = 10 * time.Second
	// idleTimeout is shorter than the 60 s after which common load balancers silently drop an idle
	// connection.
	idleTimeout = 45 * time.Second
	// maxPingAfter and maxPingTimeout end an HTTP/2 connection without incoming frames before its call
	// times out: see [pings].
	maxPingAfter   = 15 * time.Second
	maxPingTimeout = 5 * time.Second
)

// Transport opens the connections to one provider, and replaces them. A reused connection may be dead:
// dropped by a firewall, or its backend is being removed. So a connection is not reused if it is
// older than [section.Config.MaxConnAge], or after [Transport.Renew]. TLS is 1.2 or newer. It is safe
// for concurrent use. Bodies of responses are plain UTF-8: see [readable].
type Transport struct {
	config  section.Config
	kept    bool        // connections are reused
	asked   atomic.Bool // the server requested a client certificate
	current atomic.Pointer[connections]
	mu      sync.Mutex // held while current is replaced
}

// connections are the connections opened between two renewals.
type connections struct {
	*http.Transport
	born   time.Time
	err    error       // why none can be opened
	served atomic.Bool // one of them has received a response
}

// NewTransport opens the connections for calls: as many as concurrent jobs
// ([section.Config.Concurrency]), and as many again for live requests.
func NewTransport(c section.Config) *Transport { return newTransport(c, true) }

// NewTokenTransport opens the connections for token requests, which are few: each has a connection of
// its own, so that none waits for calls or uses a broken connection.
func NewTokenTransport(c section.Config) *Transport { return newTransport(c, false) }

func newTransport(c section.Config, kept bool) *Transport {
	t := &Transport{config: c, kept: kept}
	t.current.Store(t.connections())
	return t
}

// connections makes a new set. It reads the certificate files again, so that renewed files take
// effect.
func (t *Transport) connections() *connections {
	c := t.config
	most := 2 * c.Concurrency
	tlsConfig, err := c.TLS.Config()
	tlsConfig.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
		t.asked.Store(true)
		return c.TLS.Pair()
	}
	pingAfter, pingTimeout := pings(&c)
	dialer := &net.Dialer{
		Timeout:         connectTimeout,
		KeepAliveConfig: net.KeepAliveConfig{Enable: true, Idle: maxPingAfter, Interval: maxPingTimeout, Count: 3},
	}
	return &connections{
		born: time.Now(), err: err,
		Transport: &http.Transport{
			Proxy:                  func(req *http.Request) (*url.URL, error) { return proxyFor(&c, req) },
			OnProxyConnectResponse: proxyAnswered,
			DialContext:            dialer.DialContext,
			ForceAttemptHTTP2:      true,
			HTTP2:                  &http.HTTP2Config{SendPingTimeout: pingAfter, PingTimeout: pingTimeout, WriteByteTimeout: pingAfter},
			TLSClientConfig:        tlsConfig,
			TLSHandshakeTimeout:    connectTimeout,
			ResponseHeaderTimeout:  c.Timeout,
			DisableKeepAlives:      !t.kept,
			DisableCompression:     true, // see readable
			MaxConnsPerHost:        most,
			MaxIdleConnsPerHost:    most,
			MaxIdleConns:           most,
			IdleConnTimeout:        idleTimeout,
		},
	}
}

// pings returns the time without a frame after which an HTTP/2 connection is pinged, and the timeout of the
// ping: together less than the timeout of a call.
func pings(c *section.Config) (after, timeout time.Duration) {
	if c.Timeout <= 0 {
		return maxPingAfter, maxPingTimeout
	}
	return min(c.Timeout/2, maxPingAfter), min(c.Timeout/4, maxPingTimeout)
}

// Renew makes further requests use connections opened after a time. Requests in flight are not
// affected.
func (t *Transport) Renew(before time.Time) {
	if !t.current.Load().born.Before(before) {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	old := t.current.Load()
	if !old.born.Before(before) {
		return
	}
	next := t.connections()
	if next.err != nil && old.err == nil { // half-written files: the earlier ones are still valid
		next.err, next.TLSClientConfig = nil, old.TLSClientConfig.Clone()
	}
	t.current.Store(next)
	old.CloseIdleConnections()
}

// CloseIdleConnections renews all connections.
func (t *Transport) CloseIdleConnections() { t.Renew(time.Now()) }

// RoundTrip implements [http.RoundTripper]. A request that may be sent twice (see [Call.Idempotent])
// is sent again on a new connection if a reused one broke before any response.
func (t *Transport) RoundTrip(req *http.Request) (*http.Response, error) {
	if age := t.config.MaxConnAge; age > 0 {
		t.Renew(time.Now().Add(-age))
	}
	c := t.current.Load()
	resp, broke, err := t.send(c, req)
	if broke {
		again := req.Clone(req.Context())
		if req.GetBody != nil {
			if again.Body, err = req.GetBody(); err != nil {
				return nil, err
			}
		}
		t.Renew(time.Now())
		c = t.current.Load()
		resp, _, err = t.send(c, again)
	}
	if err != nil {
		return nil, t.named(c, err)
	}
	c.served.Store(true)
	readable(resp)
	return resp, nil
}

// send sends a request once; broke reports that it may be sent again.
func (t *Transport) send(c *connections, req *http.Request) (resp *http.Response, broke bool, err error) {
	if c.err != nil {
		closeBody(req)
		return nil, false, c.err
	}
	if !t.kept || !isReplayable(req) {
		resp, err = c.RoundTrip(req)
		return resp, false, err
	}
	var reused, answered atomic.Bool
	ctx := httptrace.WithClientTrace(req.Context(), &httptrace.ClientTrace{
		GotConn:              func(i httptrace.GotConnInfo) { reused.Store(i.Reused) },
		GotFirstResponseByte: func() { answered.Store(true) },
	})
	resp, err = c.RoundTrip(req.WithContext(ctx))
	broke = err != nil && reused.Load() && !answered.Load() && req.Context().Err() == nil && !isTimeout(err)
	return resp, broke, err
}

// named returns err, or a readable error if a proxy or the client certificate is the cause. A server's alert
// about a certificate is often lost with the connection: if it requested one and never responded,
// the certificate is assumed to be the cause.
func (t *Transport) named(c *connections, err error) error {
	if e := endpoint.ConnectionFailure(err); e != nil {
		return e
	}
	op, ok := errors.AsType[*net.OpError](err)
	_, untrusted := errors.AsType[*tls.CertificateVerificationError](err)
	if !t.asked.Load() || c.served.Load() || ok && op.Op == "dial" || untrusted || isTimeout(err) || errors.Is(err, context.Canceled) {
		return err
	}
	if t.config.TLS.Cert == "" {
		return &endpoint.ConnectionError{Reason: "the server requires a client certificate", Hint: "set tls = { cert, key } of the provider", Err: err}
	}
	return &endpoint.ConnectionError{Reason: "the server does not accept the client certificate", Hint: "check tls.cert and tls.key, and whether the provider knows them", Err: err}
}

// isReplayable reports whether a request may and can be sent a second time.
func isReplayable(req *http.Request) bool {
	if req.Body != nil && req.Body != http.NoBody && req.GetBody == nil {
		return false
	}
	return sendingOf(req.Context()).Idempotent
}

func closeBody(req *http.Request) {
	if req.Body != nil {
		_ = req.Body.Close()
	}
}

// proxyFor returns the proxy of a request: the provider's own, or the environment's
// (HTTPS_PROXY, NO_PROXY).
func proxyFor(c *section.Config, req *http.Request) (*url.URL, error) {
	switch proxy := c.Proxy.Reveal(); proxy {
	case "":
		return http.ProxyFromEnvironment(req)
	case section.NoProxy:
		return nil, nil //nolint:nilnil // as [http.Transport.Proxy] has it
	default:
		return url.Parse(proxy)
	}
}

// proxyAnswered returns an error if a proxy does not connect.
func proxyAnswered(_ context.Context, proxy *url.URL, _ *http.Request, resp *http.Response) error {
	if resp.StatusCode == http.StatusOK {
		return nil
	}
	e := &endpoint.ConnectionError{Reason: fmt.Sprintf("the proxy %s does not connect (status %d)", proxy.Host, resp.StatusCode), Hint: "check HTTPS_PROXY, or the provider's proxy"}
	switch resp.StatusCode {
	case http.StatusProxyAuthRequired:
		e.Reason = fmt.Sprintf("the proxy %s requires a user name and a password (status 407)", proxy.Host)
		e.Hint = "add them to the proxy's URL: HTTPS_PROXY, or the provider's proxy as a reference to a secret"
	case http.StatusForbidden:
		e.Hint = "ask the proxy's administrator to allow the provider's host"
	}
	return e
}
