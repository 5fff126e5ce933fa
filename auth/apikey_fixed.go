package auth

import (
	"encoding/base64"
	"net/http"
	"net/url"
)

// Fixed signs requests with headers that stay as they are: an API key's, HTTP Basic
// ([Basic]), or several together. Nothing can be renewed, so a 401 is returned as it
// came. It is a failed login all the same: what follows keeps the cooldown of refused
// credentials, and after it one call alone tries whether they are taken again. A call
// for which none may be sent gets an *[Error]. It is safe for concurrent use.
type Fixed struct {
	// Base sends the signed requests; nil is [http.DefaultTransport].
	Base http.RoundTripper
	// Origin is where signed requests may go, as in [Transport].
	Origin *url.URL
	// Header holds the values by their names, spelled in whichever case.
	Header map[string]Secret
	// Source remembers refusals, see [NewStatic]; nil remembers none.
	Source *Static
	// Refuses is [Transport.Refuses].
	Refuses func(req *http.Request, resp *http.Response) bool
}

// Basic is the value of the header Authorization for HTTP Basic authentication (RFC 7617).
func Basic(username string, password Secret) Secret {
	return NewSecret("Basic " + base64.StdEncoding.EncodeToString([]byte(username+":"+password.Reveal())))
}

// RoundTrip implements [http.RoundTripper].
func (f *Fixed) RoundTrip(req *http.Request) (*http.Response, error) {
	if err := within(f.Origin, req.URL); err != nil {
		closeBody(req)
		return nil, err
	}
	done, err := f.Source.begin(req.Context())
	if err != nil {
		closeBody(req)
		return nil, err
	}
	status := 0
	defer func() { done(status) }()
	r := req.Clone(req.Context())
	for name, value := range f.Header {
		r.Header.Set(name, value.Reveal())
	}
	resp, err := base(f.Base).RoundTrip(r)
	if err == nil {
		if status = resp.StatusCode; RefusesToken(status, resp.Header) || f.Refuses != nil && f.Refuses(req, resp) {
			status = http.StatusUnauthorized
		}
	}
	return resp, err
}
