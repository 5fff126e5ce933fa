package auth

import (
	"encoding/base64"
	"net/http"
	"net/url"
)

// BasicAPIKey signs requests in Michelin's older scheme: HTTP Basic and the header
// apikey together (Michelin North America Order-to-Cash, OpenAPI 1.0.1: basicAuth
// and apikey are both required). Nothing can be renewed, so a 401 is returned as it
// came. It is a failed login all the same: what follows keeps the cooldown of refused
// credentials, and after it one call alone tries whether they are taken again. A call
// for which none may be sent gets an *[Error]. It is safe for concurrent use.
type BasicAPIKey struct {
	// Base sends the signed requests; nil is [http.DefaultTransport].
	Base http.RoundTripper
	// Origin is where signed requests may go, as in [Transport].
	Origin   *url.URL
	Username string
	Password Secret
	APIKey   Secret
	// Source remembers refusals, see [NewStatic]; nil remembers none.
	Source *Static
}

// RoundTrip implements [http.RoundTripper].
func (k *BasicAPIKey) RoundTrip(req *http.Request) (*http.Response, error) {
	if err := within(k.Origin, req.URL); err != nil {
		closeBody(req)
		return nil, err
	}
	done, err := k.Source.begin(req.Context())
	if err != nil {
		closeBody(req)
		return nil, err
	}
	status := 0
	defer func() { done(status) }()
	user := base64.StdEncoding.EncodeToString([]byte(k.Username + ":" + k.Password.Reveal()))
	r := req.Clone(req.Context())
	r.Header.Set("Authorization", "Basic "+user)
	r.Header.Set("apikey", k.APIKey.Reveal())
	resp, err := base(k.Base).RoundTrip(r)
	if err == nil {
		status = resp.StatusCode
	}
	return resp, err
}
