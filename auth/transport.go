package auth

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/url"
	"strings"
)

// maxDrained limits how many bytes of the response body of a rejected call are read.
const maxDrained = 64 << 10

// Transport signs requests with the access tokens of a source, as bearer tokens (RFC 6750 section
// 2.1). A call whose response is a 401, or rejects the token in another way ([RefusesToken],
// [Transport.RejectsToken]), is sent once more with a newer token if its body can be sent again (it has
// none, or GetBody is set). A 401 that a caller sees is final: the token was requested because of
// this rejection, or the call could not be sent again. If no such token was available, because 401s
// may request none for a while or because the newer token existed already, the error is an
// *[endpoint.Error] of [endpoint.ClassTransient] with the time after which to retry. Other responses
// are returned unchanged, including a 401 about missing rights (insufficient_scope, RFC 6750 section 3.1): a 403
// alone says nothing about the token.
//
// Without a token the error is the source's, see [Source.Token]. A Transport is safe for concurrent
// use.
type Transport struct {
	// Base sends the signed requests; nil is [http.DefaultTransport].
	Base http.RoundTripper
	// Source provides the tokens.
	Source *Source
	// Origin is where signed requests may go: its scheme, host and port; it must be https, or http on a
	// loopback address. A request to another origin is an error, so that no redirect leaks a token.
	Origin *url.URL
	// RejectsToken reports whether a response rejects the token although its status and challenge do not, for
	// APIs that say so in their body. It may read the body, and must then replace it. nil means never.
	RejectsToken func(req *http.Request, resp *http.Response) bool
}

// RoundTrip implements [http.RoundTripper].
func (t *Transport) RoundTrip(req *http.Request) (*http.Response, error) {
	if err := checkOrigin(t.Origin, req.URL); err != nil {
		closeBody(req)
		return nil, err
	}
	token, err := t.Source.get(req.Context())
	if err != nil {
		closeBody(req)
		return nil, err
	}
	resp, err := base(t.Base).RoundTrip(signed(req, token))
	if err != nil {
		return nil, err
	}
	if !t.refused(req, resp) {
		t.Source.accepted(token.Generation)
		return resp, nil
	}
	// A call that cannot be sent again still reports the rejected token.
	after, again := t.Source.reject(token.Generation)
	if again && !replayable(req) {
		return resp, nil
	}
	drain(resp) // at once: other calls need the connection while this one waits for a token
	if !again {
		return nil, notFinal(after)
	}
	return t.replay(req, token)
}

// replay replays a rejected call with a newer token. The newer token may be the same string: an endpoint
// that returns the same token until it expires may have made it valid again.
func (t *Transport) replay(req *http.Request, old *servedToken) (*http.Response, error) {
	token, err := t.Source.get(req.Context())
	if err != nil {
		return nil, err
	}
	replay := signed(req, token)
	if req.GetBody != nil {
		if replay.Body, err = req.GetBody(); err != nil {
			return nil, err
		}
	}
	t.Source.counts.replays.Add(1)
	resp, err := base(t.Base).RoundTrip(replay)
	switch {
	case err != nil:
		return nil, err
	case !t.refused(req, resp):
		t.Source.replayAccepted(token.Generation)
	case token.remedies >= old.Generation:
		t.Source.replayRejected(token.Generation)
	default:
		drain(resp)
		after, _ := t.Source.reject(token.Generation)
		return nil, notFinal(after)
	}
	return resp, nil
}

func (t *Transport) refused(req *http.Request, resp *http.Response) bool {
	return RefusesToken(resp.StatusCode, resp.Header) || t.RejectsToken != nil && t.RejectsToken(req, resp)
}

// drain reads the rest of a response that is not returned, and closes it.
func drain(resp *http.Response) {
	_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, maxDrained)) // an unread rest only costs the connection
	_ = resp.Body.Close()
}

// signed returns a copy of the request with the token. The copy shares with the original everything that a
// base transport does not change.
func signed(req *http.Request, token *servedToken) *http.Request {
	r := *req
	if r.Header = maps.Clone(req.Header); r.Header == nil {
		r.Header = http.Header{}
	}
	r.Header["Authorization"] = token.header
	return &r
}

func replayable(req *http.Request) bool {
	return req.Body == nil || req.Body == http.NoBody || req.GetBody != nil
}

func base(rt http.RoundTripper) http.RoundTripper {
	if rt == nil {
		return http.DefaultTransport
	}
	return rt
}

// closeBody closes the body of a request that is not sent, as a RoundTripper must.
func closeBody(req *http.Request) {
	if req.Body != nil {
		_ = req.Body.Close()
	}
}

// checkOrigin rejects a request that would send a credential to another origin. The error text has no path and
// no query.
func checkOrigin(origin, u *url.URL) error {
	switch {
	case origin == nil:
		return errors.New("auth: no origin is set")
	case !SameOrigin(origin, u):
		return fmt.Errorf("auth: a request to %s://%s is not sent with the credentials for %s://%s", u.Scheme, u.Host, origin.Scheme, origin.Host)
	case !confidential(u):
		return fmt.Errorf("auth: credentials are not sent over plain %s to %s", u.Scheme, u.Host)
	}
	return nil
}

// SameOrigin compares scheme, host and port as in RFC 3986 section 6.2: ignoring case, and with the
// scheme's default port.
func SameOrigin(a, b *url.URL) bool {
	if a.Scheme == b.Scheme && a.Host == b.Host {
		return true // the usual case, without allocation
	}
	return strings.EqualFold(a.Scheme, b.Scheme) && strings.EqualFold(a.Hostname(), b.Hostname()) && port(a) == port(b)
}

func port(u *url.URL) string {
	switch {
	case u.Port() != "":
		return u.Port()
	case strings.EqualFold(u.Scheme, "https"):
		return "443"
	default:
		return "80"
	}
}

// confidential reports whether a URL is https or on a loopback address.
func confidential(u *url.URL) bool {
	switch u.Scheme {
	case "https":
		return true
	case "http":
		return IsLoopback(u.Hostname())
	default:
		return false
	}
}

// IsLoopback reports whether a host, a name or an address without a port, is this machine.
// "localhost" is the only such name; names are not resolved.
func IsLoopback(host string) bool {
	return strings.EqualFold(host, "localhost") || net.ParseIP(host).IsLoopback()
}
