package auth

import (
	"io"
	"maps"
	"net/http"
	"net/url"
)

// maxDrained bounds what is read of a refused call's answer, in bytes.
const maxDrained = 64 << 10

// Transport signs requests with the access tokens of a source, as bearer tokens
// (RFC 6750 section 2.1). A call that is answered 401 is sent once more with a newer
// token if its body can be sent again (it has none, or GetBody is set), and then its
// answer is returned, whatever it is. So a 401 that a caller sees was answered to a
// token that could not be bettered. No other status is touched: a 403 says nothing
// about the token.
//
// The error of a call without a token is the source's, see [Source.Token]. A
// Transport is safe for concurrent use.
type Transport struct {
	// Base sends the signed requests; nil is [http.DefaultTransport].
	Base http.RoundTripper
	// Source gives the tokens.
	Source *Source
	// Origin is where signed requests may go: its scheme, host and port; it must
	// be https, or http on a loopback address. A request to anywhere else is
	// refused with an error, so that no redirect carries a token away.
	Origin *url.URL
}

// RoundTrip implements [http.RoundTripper].
func (t *Transport) RoundTrip(req *http.Request) (*http.Response, error) {
	if err := within(t.Origin, req.URL); err != nil {
		closeBody(req)
		return nil, err
	}
	token, err := t.Source.get(req.Context())
	if err != nil {
		closeBody(req)
		return nil, err
	}
	resp, err := base(t.Base).RoundTrip(signed(req, token))
	if err != nil || resp.StatusCode != http.StatusUnauthorized {
		return resp, err
	}
	// A call that cannot be sent again still tells the source that the token is refused.
	if again := t.Source.Reject(token.Generation); !again || !replayable(req) {
		return resp, nil
	}
	return t.again(req, resp)
}

// again sends a refused call once more, with a newer token. That may be the same text
// again: an endpoint that hands out what it has until it ends can have made it good.
func (t *Transport) again(req *http.Request, refused *http.Response) (*http.Response, error) {
	// The connection is given back before waiting for a token: others may need it.
	_, _ = io.Copy(io.Discard, io.LimitReader(refused.Body, maxDrained)) // what cannot be read is not missed
	_ = refused.Body.Close()

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
	case resp.StatusCode == http.StatusUnauthorized:
		t.Source.refusedFresh(token.Generation)
	default:
		t.Source.acceptedFresh(token.Generation)
	}
	return resp, err
}

// signed is the request with the token. The request itself must not be changed, and
// what a base transport does not change is shared with it.
func signed(req *http.Request, token *held) *http.Request {
	r := req.WithContext(req.Context())
	r.Header = make(http.Header, len(req.Header)+1)
	maps.Copy(r.Header, req.Header)
	r.Header["Authorization"] = token.header
	return r
}

// replayable reports whether the body can be sent a second time.
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
