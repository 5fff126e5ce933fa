package endpoint

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"sync/atomic"

	"orderbeat/auth/mask"
	"orderbeat/auth/secret"
)

// maxAnswer limits how many bytes of a token response are read. Real responses have about 1 KiB;
// a longer one is truncated and therefore invalid JSON.
const maxAnswer = 1 << 20

// Endpoint sends requests to one authorization server for one client.
type Endpoint struct {
	dialect      Dialect
	url          string
	introspect   string // introspection endpoint, "" for none
	revoke       string // revocation endpoint, "" for none
	clientID     secret.Secret
	clientSecret secret.Secret
	params       map[string]secret.Secret // added to token requests
	headers      map[string]secret.Secret // sent with them
	assertion    *Assertion
	userAgent    string
	mask         *mask.Set
	owner        string // owner of the tokens in mask
	client       *http.Client
}

// Config configures an [Endpoint].
type Config struct {
	Dialect Dialect
	// TokenURL is the token endpoint. IntrospectionURL and RevocationURL are optional (RFC
	// 7662, RFC 7009).
	TokenURL, IntrospectionURL, RevocationURL string
	ClientID, ClientSecret                    secret.Secret
	// Params are added to token requests, and Headers are sent with them.
	Params, Headers map[string]secret.Secret
	// Assertion signs JWT assertions (RFC 7523).
	Assertion *Assertion
	UserAgent string
	// Mask receives every token as one of Owner's; nil masks nothing.
	Mask  *mask.Set
	Owner string
	// Base sends requests; nil is [http.DefaultTransport].
	Base http.RoundTripper
}

// New returns an Endpoint. It follows no redirects: a redirect would send the client secret to another address.
func New(c Config) *Endpoint {
	return &Endpoint{
		dialect: c.Dialect, url: c.TokenURL, introspect: c.IntrospectionURL, revoke: c.RevocationURL,
		params: c.Params, headers: c.Headers, clientID: c.ClientID, clientSecret: c.ClientSecret, assertion: c.Assertion, userAgent: c.UserAgent,
		mask: c.Mask, owner: c.Owner,
		client: &http.Client{
			Transport:     c.Base,
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}
}

// Grant sends one token request. Every failure is an *[Error]; [Error.Lost] reports that the endpoint
// may have processed the request.
func (e *Endpoint) Grant(ctx context.Context, g Request) (Answer, error) {
	var wrote atomic.Bool
	trace := &httptrace.ClientTrace{WroteRequest: func(httptrace.WroteRequestInfo) { wrote.Store(true) }}
	req, err := e.request(httptrace.WithClientTrace(ctx, trace), g)
	if err != nil {
		return Answer{}, &Error{Class: ClassRequest, Reason: "the token request cannot be created", Err: err}
	}
	r, err := e.send(req)
	if err != nil {
		failure := unreachable(err)
		failure.Lost = wrote.Load()
		if r.status != 0 {
			failure.Status, failure.Reason, failure.Lost = r.status, "the token response was truncated", true
		}
		return Answer{}, failure
	}
	return e.read(g, r)
}

// reply is an HTTP response with its body; the status is 0 if there was no response.
type reply struct {
	status int
	header http.Header
	body   []byte
}

func (e *Endpoint) send(req *http.Request) (reply, error) {
	resp, err := e.client.Do(req)
	if err != nil {
		return reply{}, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	return reply{status: resp.StatusCode, header: resp.Header, body: body}, err
}

// unreachable returns the error of a request without a response. It omits the cause's text: net/http
// quotes the URL, and what a server sent instead of HTTP.
func unreachable(err error) *Error {
	if cause, ok := errors.AsType[*url.Error](err); ok {
		err = cause.Err
	}
	e := &Error{Class: ClassTransient, Reason: reason(err), Err: err}
	if c := ConnectionFailure(err); c != nil {
		e.Hint = c.Hint
	}
	return e
}
